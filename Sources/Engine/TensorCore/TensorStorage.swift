#if canImport(Glibc)
    import Glibc
#endif

/// The memory of a tensor: 64-byte aligned, freed with the last tensor that uses it, or borrowed from an owner
/// such as a memory-mapped weights file.
///
/// Safety: `base` is written only by the operation that makes the tensor, before anyone else can see it; from then
/// on it is read only, so sharing it between threads is sound.
final class TensorStorage: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    let count: Int
    private let owner: (any AnyObject & Sendable)?

    init(count: Int) {
        var raw: UnsafeMutableRawPointer?
        let bytes = max(count, 1) * MemoryLayout<Float>.stride
        guard posix_memalign(&raw, 64, bytes) == 0, let raw else {
            fatalError("out of memory: \(bytes) bytes for a tensor")
        }
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

    deinit {
        if owner == nil { free(base) }
    }
}
