internal import CKernels

/// Scaled dot-product attention over heads that lie side by side in the channels.
///
///     forward   P = softmax(q·kᵀ/√d)   y = P·v     q, y (n, tq, heads·d)   k, v (n or 1, tk, heads·d)
///     VJP       dv = Pᵀ·dy   dS = P⊙(dy·vᵀ − Σ dy⊙y)/√d   dq = dS·k   dk = dSᵀ·q
///
/// It never stores P: it computes P in tiles, and in the VJP computes the tiles again from the saved log of the softmax's
/// sums. Keys and values of one sample may serve all samples of the queries (the text; docs/algorithm.md section 4's
/// reference).
public struct Attention: Operation {
    let heads: Int
    let isCausal: Bool

    /// - Parameter isCausal: whether query i reads only the keys 0…i.
    public init(heads: Int, isCausal: Bool = false) {
        self.heads = heads
        self.isCausal = isCausal
    }

    /// Inputs, output, and per query and head the log of the softmax's sum.
    public struct Saved { var q, k, v, y, logSum: Tensor }

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        let (q, k, v) = (inputs[0], inputs[1], inputs[2])
        let geometry = geometry(q, k)
        let logSum = TensorStorage(count: q.shape[0] * heads * q.shape[1])
        let y = Tensor(q.shape) { y in
            withExtendedLifetime((q, k, v)) {
                withUnsafePointer(to: geometry) {
                    ck_attend($0, q.storage.base, k.storage.base, v.storage.base, y.baseAddress, logSum.base)
                }
            }
        }
        let saved = Saved(
            q: q, k: k, v: v, y: y, logSum: Tensor(shape: [q.shape[0], heads, q.shape[1]], storage: logSum))
        return (y, saved)
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        let (q, k) = (saved.q, saved.k)
        let batch = dy.count / q.count
        let dq = needs[0] ? TensorStorage(count: dy.count) : nil
        let dk = needs[1] || needs[2] ? TensorStorage(count: batch * k.count) : nil
        let dv = dk.map { TensorStorage(count: $0.count) }
        withExtendedLifetime((saved, dy)) {
            withUnsafePointer(to: geometry(q, k)) {
                ck_attend_gradient(
                    $0, q.storage.base, k.storage.base, saved.v.storage.base, saved.y.storage.base,
                    saved.logSum.storage.base, dy.storage.base, batch, dq?.base, dk?.base, dv?.base)
            }
        }
        let keysShape = [batch * k.shape[0]] + k.shape.dropFirst()
        return [
            dq.map { Tensor(shape: dy.shape, storage: $0) },
            needs[1] ? dk.map { Tensor(shape: keysShape, storage: $0) } : nil,
            needs[2] ? dv.map { Tensor(shape: keysShape, storage: $0) } : nil,
        ]
    }

    private func geometry(_ q: Tensor, _ k: Tensor) -> ck_attention {
        precondition(
            q.shape.count == 3 && k.shape.count == 3 && q.shape[2] == k.shape[2] && q.shape[2] % heads == 0
                && (k.shape[0] == 1 || k.shape[0] == q.shape[0]),
            "attention: queries \(q.shape), keys \(k.shape), \(heads) heads")
        let width = q.shape[2] / heads
        return ck_attention(
            samples: q.shape[0], kv_samples: k.shape[0], heads: heads, queries: q.shape[1], keys: k.shape[1],
            head_width: width, scale: 1 / Float(width).squareRoot(), causal: isCausal ? 1 : 0)
    }
}
