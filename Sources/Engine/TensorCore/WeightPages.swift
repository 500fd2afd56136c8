import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// The pages of all memory-mapped weights of this process.
///
/// A stage of an edit reads some networks and not others, but what was read once stays resident. Between stages the pages
/// are let go; those that the next stage reads come back from the system's file cache at the price of a page fault.
public enum WeightPages {
    private static let mapped = Mutex<[UInt: Int]>([:])

    static func add(_ base: UnsafeRawPointer, count: Int) {
        mapped.withLock { $0[UInt(bitPattern: base)] = count }
    }

    static func remove(_ base: UnsafeRawPointer) {
        mapped.withLock { $0[UInt(bitPattern: base)] = nil }
    }

    /// Lets all pages go. The values stay: they are the files'.
    public static func release() {
        mapped.withLock { mapped in
            for (base, count) in mapped {
                // Advice alone: where the kernel does not take it, the pages simply stay.
                _ = madvise(UnsafeMutableRawPointer(bitPattern: base), count, MADV_DONTNEED)
            }
        }
    }
}
