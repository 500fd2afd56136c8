internal import CKernels

/// Weights in the type they are stored in: f32, f16 or bf16, usually in a memory-mapped file.
///
/// Products with weights widen them a block at a time as they pack them, so that a model takes the memory of its file.
public struct StoredTensor {
    /// How a value is stored.
    public enum Element: UInt32, Sendable {
        case f32 = 0
        case f16 = 1
        case bf16 = 2

        /// Bytes of a value.
        public var size: Int { self == .f32 ? 4 : 2 }
    }

    /// Sizes of the dimensions, outermost first.
    public let shape: [Int]
    /// How a value is stored.
    public let element: Element
    let base: UnsafeRawPointer
    /// Keeps `base` alive; nobody writes there.
    private let owner: any AnyObject & Sendable

    init(shape: [Int], element: Element, base: UnsafeRawPointer, owner: any AnyObject & Sendable) {
        self.shape = shape
        self.element = element
        self.base = base
        self.owner = owner
    }

    /// A tensor as it is, in f32.
    public init(_ tensor: Tensor) {
        self.init(
            shape: tensor.shape, element: .f32, base: UnsafeRawPointer(tensor.storage.base), owner: tensor.storage)
    }

    /// How many values there are.
    public var count: Int { shape.reduce(1, *) }

    /// The same values under another shape of equal count.
    public func reshaped(_ shape: [Int]) -> StoredTensor {
        precondition(shape.reduce(1, *) == count, "\(self.shape) as \(shape)")
        return StoredTensor(shape: shape, element: element, base: base, owner: owner)
    }

    /// The values as f32.
    public var widened: Tensor {
        Tensor(shape) { to in
            withKernelWeight { ck_widen_weight($0, 0, to.count, to.baseAddress) }
        }
    }

    /// The kernels' view of the values.
    func withKernelWeight<R>(_ body: (ck_weight) -> R) -> R {
        defer { withExtendedLifetime(owner) {} }
        return body(ck_weight(data: base, element: ck_element(rawValue: element.rawValue)))
    }
}

// Safety: `base` is only ever read, and lives as long as `owner`.
extension StoredTensor: @unchecked Sendable {}
