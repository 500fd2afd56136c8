internal import CKernels

/// An elementwise nonlinearity.
///
///     forward   y = f(x)
///     VJP       dx = dy·f'(x)
public struct Activation: Operation {
    /// Which function.
    public enum Kind: Sendable {
        /// x·σ(x).
        case silu
        /// x·Φ(x), Φ by the error function.
        case gelu
        /// x·σ(1.702x).
        case quickGELU
    }

    let kind: Kind

    /// The nonlinearity of the given kind.
    public init(_ kind: Kind) { self.kind = kind }

    /// The input.
    public struct Saved { var x: Tensor }

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        let y = Tensor(x.shape) { y in
            withExtendedLifetime(x) { ck_activate(kernel, x.storage.base, y.baseAddress, x.count) }
        }
        return (y, Saved(x: x))
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        guard needs[0] else { return [nil] }
        let x = saved.x
        return [
            Tensor(dy.shape) { dx in
                withExtendedLifetime((x, dy)) {
                    ck_activate_gradient(
                        kernel, x.storage.base, dy.storage.base, dx.baseAddress, x.count, dy.count / x.count)
                }
            }
        ]
    }

    private var kernel: ck_activation {
        switch kind {
        case .silu: CK_SILU
        case .gelu: CK_GELU
        case .quickGELU: CK_QUICK_GELU
        }
    }
}

/// The gated activation of the transformer's feed-forward.
///
///     forward   y = a·gelu(g)            x (…, 2w) = [a, g]   y (…, w)
///     VJP       da = dy·gelu(g)   dg = dy·a·gelu'(g)
public struct GEGLU: Operation {
    /// The gate; it has no settings.
    public init() {}

    /// The input.
    public struct Saved { var x: Tensor }

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        let width = (x.shape.last ?? 0) / 2
        let y = Tensor(x.shape.dropLast() + [width]) { y in
            withExtendedLifetime(x) { ck_geglu(x.storage.base, y.baseAddress, x.count / width / 2, width) }
        }
        return (y, Saved(x: x))
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        guard needs[0] else { return [nil] }
        let x = saved.x
        let width = (x.shape.last ?? 0) / 2
        return [
            Tensor(dy.shape.dropLast() + [2 * width]) { dx in
                withExtendedLifetime((x, dy)) {
                    ck_geglu_gradient(
                        x.storage.base, dy.storage.base, dx.baseAddress, x.count / width / 2, width,
                        2 * dy.count / x.count)
                }
            }
        ]
    }
}

/// Limits values to a range.
///
///     forward   y = min(max(x, low), high)
///     VJP       dx = dy where low ≤ x ≤ high, the ends included, else 0
public struct Clamp: Operation {
    let low, high: Float

    /// Limits to `low … high`.
    public init(_ low: Float, _ high: Float) {
        self.low = low
        self.high = high
    }

    /// The input.
    public struct Saved { var x: Tensor }

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        (inputs[0].mapped { min(max($0, low), high) }, Saved(x: inputs[0]))
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        guard needs[0] else { return [nil] }
        return [
            Tensor(dy.shape) { dx in
                saved.x.withUnsafeValues { x in
                    dy.withUnsafeValues { dy in
                        for i in dy.indices {
                            let v = x[i % x.count]
                            dx[i] = v >= low && v <= high ? dy[i] : 0
                        }
                    }
                }
            }
        ]
    }
}
