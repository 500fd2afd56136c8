internal import CKernels

/// A weighted sum of two tensors of equal shape; residual connections are `LinearCombination(1, 1)`.
///
///     forward   z = a·x + b·y
///     VJP       dx = a·dz   dy = b·dz
public struct LinearCombination: Operation {
    let a, b: Float

    /// `a·x + b·y`.
    public init(_ a: Float, _ b: Float) {
        self.a = a
        self.b = b
    }

    /// The VJP reads nothing of the forward pass.
    public struct Saved {}

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        (.combination(a, inputs[0], b, inputs[1]), Saved())
    }

    public func vjp(_ dz: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        [needs[0] ? (a == 1 ? dz : a * dz) : nil, needs[1] ? (b == 1 ? dz : b * dz) : nil]
    }
}

/// A fixed scale and shift for each channel of the last dimension. Either may be nil.
///
///     forward   y = x·scale + shift
///     VJP       dx = dy·scale
public struct ChannelAffine: Operation {
    let scale, shift: Tensor?

    /// - Parameter scale: `(channels)`, like `shift`.
    public init(scale: Tensor? = nil, shift: Tensor? = nil) {
        precondition(scale != nil || shift != nil, "neither scale nor shift")
        self.scale = scale
        self.shift = shift
    }

    /// The VJP reads nothing of the forward pass.
    public struct Saved {}

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        (affine(inputs[0], scale, shift), Saved())
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        [needs[0] ? (scale == nil ? dy : affine(dy, scale, nil)) : nil]
    }

    private func affine(_ x: Tensor, _ scale: Tensor?, _ shift: Tensor?) -> Tensor {
        let channels = (scale ?? shift)?.count ?? 1
        return Tensor(x.shape) { y in
            withExtendedLifetime((x, scale, shift)) {
                ck_channel_affine(
                    x.storage.base, scale?.storage.base, shift?.storage.base, y.baseAddress,
                    x.count / channels,
                    channels)
            }
        }
    }
}

/// Adds one fixed tensor to every sample: positions.
///
///     forward   y[s] = x[s] + c
///     VJP       dx = dy
public struct AddConstant: Operation {
    let constant: Tensor

    /// - Parameter constant: a tensor of the shape of one sample.
    public init(_ constant: Tensor) { self.constant = constant }

    /// The VJP reads nothing of the forward pass.
    public struct Saved {}

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        let y = Tensor(x.shape) { y in
            x.withUnsafeValues { x in
                constant.withUnsafeValues { c in
                    for i in x.indices { y[i] = x[i] + c[i % c.count] }
                }
            }
        }
        return (y, Saved())
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] { [needs[0] ? dy : nil] }
}

/// Gives each sample another shape with the same values: `(n, h, w, c)` ↔ `(n, h·w, c)`.
///
///     forward   y = x
///     VJP       dx = dy
public struct Reshape: Operation {
    let sampleShape: [Int]

    /// - Parameter sampleShape: the new shape without its first dimension.
    public init(sampleShape: [Int]) { self.sampleShape = sampleShape }

    /// The old shape of a sample.
    public struct Saved { var sampleShape: [Int] }

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        return (x.reshaped([x.shape[0]] + sampleShape), Saved(sampleShape: Array(x.shape.dropFirst())))
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        [needs[0] ? dy.reshaped([dy.shape[0]] + saved.sampleShape) : nil]
    }
}

/// Tensors side by side along one dimension (not the first).
///
///     forward   y = [x₀, x₁, …]
///     VJP       dxᵢ = its part of dy
public struct Concatenate: Operation {
    let axis: Int

    /// - Parameter axis: which dimension; 0, the samples, is not one.
    public init(axis: Int) {
        precondition(axis > 0, "samples are not concatenated")
        self.axis = axis
    }

    /// Sizes along the axis.
    public struct Saved { var sizes: [Int] }

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        let sizes = inputs.map { $0.shape[axis] }
        var shape = inputs[0].shape
        shape[axis] = sizes.reduce(0, +)
        let total = blockWidth(shape, from: axis)
        let y = Tensor(shape) { y in
            var column = 0
            for x in inputs {
                let width = blockWidth(x.shape, from: axis)
                withExtendedLifetime(x) {
                    ck_copy_rows(
                        x.storage.base, width, y.baseAddress.map { $0 + column }, total, x.count / width,
                        width)
                }
                column += width
            }
        }
        return (y, Saved(sizes: sizes))
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        var start = 0
        return zip(saved.sizes, needs).map { size, needed in
            defer { start += size }
            return needed ? slice(dy, axis: axis, start..<start + size) : nil
        }
    }
}

/// A range of one dimension (not the first).
///
///     forward   y = x[…, range, …]
///     VJP       dx = dy in the range, 0 elsewhere
public struct Slice: Operation {
    let axis: Int
    let range: Range<Int>

    /// - Parameter axis: which dimension; 0, the samples, is not one.
    public init(axis: Int, _ range: Range<Int>) {
        precondition(axis > 0, "samples are not sliced")
        self.axis = axis
        self.range = range
    }

    /// Size along the axis before.
    public struct Saved { var size: Int }

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        (slice(inputs[0], axis: axis, range), Saved(size: inputs[0].shape[axis]))
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        guard needs[0] else { return [nil] }
        var shape = dy.shape
        shape[axis] = saved.size
        let (total, width) = (blockWidth(shape, from: axis), blockWidth(dy.shape, from: axis))
        let column = blockWidth(shape, from: axis + 1) * range.lowerBound
        return [
            Tensor(shape) { dx in
                dx.update(repeating: 0)
                withExtendedLifetime(dy) {
                    ck_copy_rows(
                        dy.storage.base, width, dx.baseAddress.map { $0 + column }, total, dy.count / width,
                        width)
                }
            }
        ]
    }
}

/// The reverse order along one dimension (not the first).
///
///     forward   y[…, i, …] = x[…, n − 1 − i, …]
///     VJP       dx = dy, reversed
public struct Mirror: Operation {
    let axis: Int

    /// - Parameter axis: which dimension; 0, the samples, is not one.
    public init(axis: Int) {
        precondition(axis > 0, "samples are not mirrored")
        self.axis = axis
    }

    /// Nothing.
    public struct Saved {}

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        (reversed(inputs[0]), Saved())
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        [needs[0] ? reversed(dy) : nil]
    }

    private func reversed(_ x: Tensor) -> Tensor {
        let (size, width) = (x.shape[axis], blockWidth(x.shape, from: axis + 1))
        return Tensor(x.shape) { y in
            x.withUnsafeValues { x in
                for block in 0..<x.count / width {
                    let (outer, i) = (block / size, block % size)
                    let source = (outer * size + size - 1 - i) * width
                    for c in 0..<width { y[block * width + c] = x[source + c] }
                }
            }
        }
    }
}

private func blockWidth(_ shape: [Int], from axis: Int) -> Int { shape[axis...].reduce(1, *) }

private func slice(_ x: Tensor, axis: Int, _ range: Range<Int>) -> Tensor {
    var shape = x.shape
    shape[axis] = range.count
    let (total, width) = (blockWidth(x.shape, from: axis), blockWidth(shape, from: axis))
    let column = blockWidth(x.shape, from: axis + 1) * range.lowerBound
    return Tensor(shape) { y in
        withExtendedLifetime(x) {
            ck_copy_rows(x.storage.base + column, total, y.baseAddress, width, x.count / total, width)
        }
    }
}
