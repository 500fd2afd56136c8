internal import CKernels

/// Group normalisation, optionally followed by SiLU, as in every residual block.
///
///     forward   u = γ·(x − mean)·rstd + β over each group's channels and pixels;   y = u or silu(u)
///     VJP       g = dy·silu'(u);   dx = rstd·(γg − mean(γg) − x̂·mean(γg·x̂))
public struct GroupNorm: Operation {
    let gamma, beta: Tensor
    let groups: Int
    let epsilon: Float
    let silu: Bool

    /// - Parameters:
    ///   - gamma: `(channels)`, like `beta`.
    ///   - silu: whether SiLU follows.
    public init(gamma: Tensor, beta: Tensor, groups: Int, epsilon: Float, silu: Bool = false) {
        precondition(gamma.count % groups == 0, "\(gamma.count) channels in \(groups) groups")
        self.gamma = gamma
        self.beta = beta
        self.groups = groups
        self.epsilon = epsilon
        self.silu = silu
    }

    /// The input and its statistics, `(samples, groups)`.
    public struct Saved { var x, mean, rstd: Tensor }

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        precondition(x.shape.last == gamma.count, "group norm: \(x.shape) has not \(gamma.count) channels")
        let parameters = parameters(x)
        let statistics = x.shape[0] * groups
        let (mean, rstd) = (TensorStorage(count: statistics), TensorStorage(count: statistics))
        let y = Tensor(x.shape) { y in
            withExtendedLifetime((x, gamma, beta)) {
                withUnsafePointer(to: parameters) {
                    ck_group_norm_forward(
                        $0, x.storage.base, gamma.storage.base, beta.storage.base, y.baseAddress, mean.base,
                        rstd.base)
                }
            }
        }
        let shape = [x.shape[0], groups]
        return (
            y,
            Saved(x: x, mean: Tensor(shape: shape, storage: mean), rstd: Tensor(shape: shape, storage: rstd))
        )
    }

    public func vjp(_ dy: consuming Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        needs[0] ? [pullBack(dy, saved, nil, nil)] : [nil]
    }

    func pullBack(
        _ dy: consuming Tensor, _ saved: Saved, _ dGamma: UnsafeMutablePointer<Float>?,
        _ dBeta: UnsafeMutablePointer<Float>?
    ) -> Tensor {
        let cotangents = dy.count / saved.x.count
        return Tensor.overwriting(dy) { dy, dx in
            withExtendedLifetime((saved, gamma, beta)) {
                withUnsafePointer(to: parameters(saved.x)) {
                    ck_group_norm_gradient(
                        $0, saved.x.storage.base, gamma.storage.base, beta.storage.base,
                        saved.mean.storage.base,
                        saved.rstd.storage.base, dy, cotangents, dx,
                        dGamma,
                        dBeta)
                }
            }
        }
    }

    private func parameters(_ x: Tensor) -> ck_group_norm {
        ck_group_norm(
            samples: x.shape[0], pixels: x.count / x.shape[0] / gamma.count, channels: gamma.count,
            groups: groups,
            epsilon: epsilon, silu: silu ? 1 : 0)
    }
}

/// Layer normalisation over the last dimension.
///
///     forward   y = γ·(x − mean)·rstd + β
///     VJP       dx = rstd·(γdy − mean(γdy) − x̂·mean(γdy·x̂))
public struct LayerNorm: Operation {
    let gamma, beta: Tensor
    let epsilon: Float

    /// - Parameter gamma: `(channels)`, like `beta`.
    public init(gamma: Tensor, beta: Tensor, epsilon: Float) {
        self.gamma = gamma
        self.beta = beta
        self.epsilon = epsilon
    }

    /// The input and its statistics, one for each row.
    public struct Saved { var x, mean, rstd: Tensor }

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        precondition(x.shape.last == gamma.count, "layer norm: \(x.shape) has not \(gamma.count) channels")
        let rows = x.count / gamma.count
        let (mean, rstd) = (TensorStorage(count: rows), TensorStorage(count: rows))
        let y = Tensor(x.shape) { y in
            withExtendedLifetime((x, gamma, beta)) {
                ck_layer_norm_forward(
                    x.storage.base, gamma.storage.base, beta.storage.base, epsilon, y.baseAddress, mean.base,
                    rstd.base, rows, gamma.count)
            }
        }
        return (
            y,
            Saved(
                x: x, mean: Tensor(shape: [rows], storage: mean), rstd: Tensor(shape: [rows], storage: rstd))
        )
    }

    public func vjp(_ dy: consuming Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        needs[0] ? [pullBack(dy, saved, nil, nil)] : [nil]
    }

    func pullBack(
        _ dy: Tensor, _ saved: Saved, _ dGamma: UnsafeMutablePointer<Float>?,
        _ dBeta: UnsafeMutablePointer<Float>?
    ) -> Tensor {
        Tensor(dy.shape) { dx in
            withExtendedLifetime((dy, saved, gamma)) {
                ck_layer_norm_gradient(
                    saved.x.storage.base, gamma.storage.base, saved.mean.storage.base,
                    saved.rstd.storage.base,
                    dy.storage.base, dy.count / saved.x.count, dx.baseAddress, dGamma, dBeta,
                    saved.mean.count,
                    gamma.count)
            }
        }
    }
}
