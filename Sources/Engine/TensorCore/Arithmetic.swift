internal import CKernels

/// Plain arithmetic on tensors, outside any recording.
extension Tensor {
    /// `a·x + b·y`, elementwise, on equal shapes.
    public static func combination(_ a: Float, _ x: Tensor, _ b: Float, _ y: Tensor) -> Tensor {
        precondition(x.count == y.count, "combining \(x.shape) and \(y.shape)")
        return Tensor(x.shape) { out in
            withExtendedLifetime((x, y)) {
                ck_linear_combination(a, x.storage.base, b, y.storage.base, out.baseAddress, x.count)
            }
        }
    }

    /// Elementwise sum.
    public static func + (x: Tensor, y: Tensor) -> Tensor { combination(1, x, 1, y) }

    /// Elementwise difference.
    public static func - (x: Tensor, y: Tensor) -> Tensor { combination(1, x, -1, y) }

    /// Every value times a number.
    public static func * (a: Float, x: Tensor) -> Tensor {
        Tensor(x.shape) { out in
            withExtendedLifetime(x) {
                ck_linear_combination(a, x.storage.base, 0, nil, out.baseAddress, x.count)
            }
        }
    }

    /// Applies a function to every value. It is too slow for hot loops.
    public func mapped(_ transform: (Float) -> Float) -> Tensor {
        Tensor(shape) { out in
            withUnsafeValues { x in
                for i in x.indices { out[i] = transform(x[i]) }
            }
        }
    }

    /// Inner product over all values, in double precision.
    public func dot(_ other: Tensor) -> Double {
        precondition(count == other.count, "inner product of \(shape) and \(other.shape)")
        return withUnsafeValues { x in
            other.withUnsafeValues { y in
                var sum = 0.0
                for i in x.indices { sum += Double(x[i]) * Double(y[i]) }
                return sum
            }
        }
    }

    /// 2-norm over all values, in double precision.
    public var norm: Double { dot(self).squareRoot() }

    /// Whether no value is NaN or infinite.
    public var isFinite: Bool { withUnsafeValues { $0.allSatisfy(\.isFinite) } }
}
