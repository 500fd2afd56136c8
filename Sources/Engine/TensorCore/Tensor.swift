internal import CKernels

/// A contiguous row-major array of 32-bit floats with a shape.
///
/// A tensor is immutable: operations return new ones. Images and activations are channels-last,
/// `(samples, height, width, channels)`; tokens are `(samples, tokens, channels)`, the same memory.
public struct Tensor: Sendable {
    /// Sizes of the dimensions, outermost first; empty for a scalar.
    public let shape: [Int]
    private(set) var storage: TensorStorage

    /// A tensor over existing storage.
    ///
    /// - Precondition: the storage holds as many values as the shape has.
    init(shape: [Int], storage: TensorStorage) {
        precondition(
            storage.count == shape.reduce(1, *), "shape \(shape) does not fit \(storage.count) values")
        self.shape = shape
        self.storage = storage
    }

    /// A tensor whose values `fill` writes. It must write all of them.
    public init(_ shape: [Int], fill: (UnsafeMutableBufferPointer<Float>) -> Void) {
        let storage = TensorStorage(count: shape.reduce(1, *))
        fill(UnsafeMutableBufferPointer(start: storage.base, count: storage.count))
        self.init(shape: shape, storage: storage)
    }

    /// A tensor of the given values in row-major order.
    public init(_ shape: [Int], _ values: [Float]) {
        precondition(values.count == shape.reduce(1, *), "shape \(shape) does not fit \(values.count) values")
        self.init(shape) { buffer in
            values.withUnsafeBufferPointer { source in _ = buffer.update(from: source) }
        }
    }

    /// A tensor of one value everywhere.
    public init(_ shape: [Int], repeating value: Float) {
        self.init(shape) { $0.update(repeating: value) }
    }

    /// A tensor of zeros.
    public static func zeros(_ shape: [Int]) -> Tensor { Tensor(shape, repeating: 0) }

    /// The number of values.
    public var count: Int { storage.count }

    /// The values in row-major order, copied.
    public var values: [Float] { withUnsafeValues { Array($0) } }

    /// Reads the values in place.
    public func withUnsafeValues<R>(_ body: (UnsafeBufferPointer<Float>) throws -> R) rethrows -> R {
        defer { withExtendedLifetime(storage) {} }
        return try body(UnsafeBufferPointer(start: storage.base, count: storage.count))
    }

    /// Adds another tensor of equal count, in place where nobody else uses this memory.
    mutating func add(_ other: Tensor) {
        guard isKnownUniquelyReferenced(&storage), storage.isOwned else {
            self = self + other
            return
        }
        precondition(count == other.count, "adding \(other.shape) to \(shape)")
        withExtendedLifetime(other) {
            ck_linear_combination(1, storage.base, 1, other.storage.base, storage.base, count)
        }
    }

    /// A tensor of the same shape whose elements `body` computes from `x`'s, in place where nobody else uses `x`'s memory.
    static func overwriting(
        _ x: consuming Tensor, _ body: (UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
    ) -> Tensor {
        if isKnownUniquelyReferenced(&x.storage), x.storage.isOwned {
            body(x.storage.base, x.storage.base)
            return x
        }
        let y = TensorStorage(count: x.count)
        body(x.storage.base, y.base)
        return Tensor(shape: x.shape, storage: y)
    }

    /// The same values with another shape of equal count.
    public func reshaped(_ shape: [Int]) -> Tensor { Tensor(shape: shape, storage: storage) }

    /// Sample `index` of the first dimension, which keeps the size 1.
    public func sample(_ index: Int) -> Tensor { samples(index..<index + 1) }

    /// Samples of the first dimension, copied.
    public func samples(_ range: Range<Int>) -> Tensor {
        precondition(range.lowerBound >= 0 && range.upperBound <= shape[0], "samples \(range) of \(shape)")
        let stride = count / max(shape[0], 1)
        return Tensor([range.count] + shape.dropFirst()) { to in
            withUnsafeValues { from in
                _ = to.update(from: from[range.lowerBound * stride..<range.upperBound * stride])
            }
        }
    }

    /// Tensors one after the other along the first dimension. Their other dimensions are equal.
    public static func stacked(_ parts: [Tensor]) -> Tensor {
        precondition(!parts.isEmpty, "nothing to stack")
        let tail = Array(parts[0].shape.dropFirst())
        return Tensor([parts.reduce(0) { $0 + $1.shape[0] }] + tail) { to in
            var at = 0
            for part in parts {
                precondition(Array(part.shape.dropFirst()) == tail, "stacking \(parts.map(\.shape))")
                part.withUnsafeValues { from in
                    _ = UnsafeMutableBufferPointer(rebasing: to[at..<at + from.count]).update(from: from)
                }
                at += part.count
            }
        }
    }

    /// `(n, c, h, w)` from channels-last `(n, h, w, c)`: the order of files and traces.
    public var channelsFirst: Tensor {
        precondition(shape.count == 4, "not an image batch: \(shape)")
        let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
        return transposingMiddle(n, h * w, c).reshaped([n, c, h, w])
    }

    /// The transpose of a matrix.
    public var transposed: Tensor {
        precondition(shape.count == 2, "not a matrix: \(shape)")
        return transposingMiddle(1, shape[0], shape[1]).reshaped([shape[1], shape[0]])
    }

    /// `(n, a, b)` → `(n, b, a)`.
    private func transposingMiddle(_ n: Int, _ a: Int, _ b: Int) -> Tensor {
        Tensor([n, b, a]) { to in
            withUnsafeValues { from in
                for s in 0..<n {
                    for i in 0..<a {
                        for j in 0..<b { to[(s * b + j) * a + i] = from[(s * a + i) * b + j] }
                    }
                }
            }
        }
    }
}
