internal import CKernels

/// The memory of a tensor. It is 64-byte aligned and freed with the last tensor that uses it, or borrowed from an owner such
/// as a memory-mapped weights file.
///
/// Safety: only two write to `base`: the operation that makes the tensor, before anyone else has it, and an operation that is
/// its only user. All others read it, so threads can share it.
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

    /// Borrows memory that `owner` keeps alive. Nobody writes to it.
    init(borrowing base: UnsafePointer<Float>, count: Int, owner: any AnyObject & Sendable) {
        self.base = UnsafeMutablePointer(mutating: base)
        self.count = count
        self.owner = owner
    }

    /// Whether the memory is not borrowed.
    var isOwned: Bool { owner == nil }

    deinit {
        if owner == nil { ck_release(base, max(count, 1) * MemoryLayout<Float>.stride) }
    }
}
