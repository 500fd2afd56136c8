internal import CKernels

/// Weights in the type in which a file stores them: f32, f16 or bf16. The file is usually memory-mapped.
///
/// Products widen weights block by block while they pack them, so that a model takes no more memory than its file.
public struct StoredTensor {
    /// The type of a stored value.
    public enum Element: UInt32, Sendable {
        case f32 = 0
        case f16 = 1
        case bf16 = 2

        /// Bytes of a value.
        public var size: Int { self == .f32 ? 4 : 2 }
    }

    /// Sizes of the dimensions, outermost first.
    public let shape: [Int]
    /// The type of its values.
    public let element: Element
    let base: UnsafeRawPointer
    /// It keeps `base` alive. Nobody writes there.
    private let owner: any AnyObject & Sendable
    /// An addition to a matrix of weights, `(out, in)`: up·downᵀ.
    private var lowRank: (up: Tensor, down: Tensor)?

    init(shape: [Int], element: Element, base: UnsafeRawPointer, owner: any AnyObject & Sendable) {
        self.shape = shape
        self.element = element
        self.base = base
        self.owner = owner
    }

    /// A tensor as it is, in f32.
    public init(_ tensor: Tensor) {
        self.init(
            shape: tensor.shape, element: .f32, base: UnsafeRawPointer(tensor.storage.base),
            owner: tensor.storage)
    }

    /// Pseudo-random values within ±`bound`, stored as f16, for measurements. Equal shapes get equal values.
    public static func synthetic(_ shape: [Int], bound: Float) -> StoredTensor {
        let count = shape.reduce(1, *)
        let storage = TensorStorage(count: (count + 1) / 2)
        let values = UnsafeMutableRawPointer(storage.base).bindMemory(to: UInt16.self, capacity: count + 1)
        // f16 values ±2^-k·(1 + m/1024): the bound's exponent, and up to three below it.
        let top = Int(bound.exponent) - 1 + 15
        var state = UInt64(truncatingIfNeeded: count) | 1
        let period = min(count, 1 << 16)
        for i in 0..<period {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let bits = UInt32(truncatingIfNeeded: state >> 33)
            let exponent = UInt32(max(1, top - Int(bits & 3)))
            values[i] = UInt16((bits >> 16) & 0x8000 | exponent << 10 | bits >> 4 & 0x3ff)
        }
        var at = period
        while at < count {
            let length = min(period - 1, count - at)  // an odd step, so that rows of a power of two differ
            (values + at).update(from: values, count: length)
            at += length
        }
        return StoredTensor(shape: shape, element: .f16, base: UnsafeRawPointer(values), owner: storage)
    }

    /// The number of values.
    public var count: Int { shape.reduce(1, *) }

    /// The same values with another shape of equal count.
    public func reshaped(_ shape: [Int]) -> StoredTensor {
        precondition(shape.reduce(1, *) == count && lowRank == nil, "\(self.shape) as \(shape)")
        return StoredTensor(shape: shape, element: element, base: base, owner: owner)
    }

    /// A range of the outermost dimension, in place.
    public func rows(_ range: Range<Int>) -> StoredTensor {
        precondition(
            !shape.isEmpty && range.upperBound <= shape[0] && lowRank == nil, "rows \(range) of \(shape)")
        let size = shape.dropFirst().reduce(1, *) * element.size
        return StoredTensor(
            shape: [range.count] + shape.dropFirst(), element: element, base: base + range.lowerBound * size,
            owner: owner)
    }

    /// The same weights plus a product of low rank. Products add it while they pack the weights; nothing stores the sum.
    ///
    /// - Parameters:
    ///   - up: `(out, rank)`.
    ///   - down: `(in, rank)`.
    public func adding(up: Tensor, down: Tensor) -> StoredTensor {
        precondition(
            shape.count == 2 && up.shape[0] == shape[0] && down.shape[0] == shape[1]
                && up.shape[1] == down.shape[1], "\(up.shape)·\(down.shape)ᵀ added to weights \(shape)")
        var sum = self
        let join = Concatenate(axis: 1)
        sum.lowRank =
            lowRank.map {
                (join.forward([$0.up, up]).output, join.forward([$0.down, down]).output)
            } ?? (up, down)
        return sum
    }

    /// The stored values as f32.
    public var widened: Tensor {
        precondition(lowRank == nil, "weights with a change of low rank are never widened as a whole")
        return Tensor(shape) { to in
            withKernelWeight { ck_widen_weight($0, 0, to.count, to.baseAddress) }
        }
    }

    /// The kernels' view of the values.
    func withKernelWeight<R>(_ body: (ck_weight) -> R) -> R {
        defer { withExtendedLifetime((owner, lowRank)) {} }
        return body(
            ck_weight(
                data: base, element: ck_element(rawValue: element.rawValue), up: lowRank?.up.storage.base,
                down: lowRank?.down.storage.base, rank: lowRank?.up.shape[1] ?? 0))
    }
}

// Safety: `base` is only ever read, and lives as long as `owner`.
extension StoredTensor: @unchecked Sendable {}
