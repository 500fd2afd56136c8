internal import CKernels

/// The memory of a tensor: 64-byte aligned, freed with the last tensor that uses it, or borrowed from an owner
/// such as a memory-mapped weights file.
///
/// Safety: `base` is written only by the operation that makes the tensor, before anyone else can see it, or by one that
/// is its only user; else it is read only, so sharing it between threads is sound.
final class TensorStorage: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    let count: Int
    private let owner: (any AnyObject & Sendable)?

    init(count: Int) {
        let bytes = max(count, 1) * MemoryLayout<Float>.stride
        guard let raw = ck_allocate(bytes) else { fatalError("out of memory: \(bytes) bytes for a tensor") }
        base = raw.bindMemory(to: Float.self, capacity: max(count, 1))
        self.count = count
        owner = nil
    }

    /// Borrows memory that `owner` keeps alive. It is never written.
    init(borrowing base: UnsafePointer<Float>, count: Int, owner: any AnyObject & Sendable) {
        self.base = UnsafeMutablePointer(mutating: base)
        self.count = count
        self.owner = owner
    }

    /// Whether the memory is a tensor's own, not borrowed.
    var isOwned: Bool { owner == nil }

    deinit {
        if owner == nil { ck_release(base, max(count, 1) * MemoryLayout<Float>.stride) }
    }
}
