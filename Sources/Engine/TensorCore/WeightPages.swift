internal import CKernels
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Lets go of memory that is resident and may not be needed soon: pages of mapped weights, and freed tensors' memory.
///
/// A stage of an edit reads some networks and not others, but what was read once stays resident. Between stages, and around
/// the decoder's part of a drag step, it is let go; weights that are read next come back from the system's file cache at
/// the price of page faults (some 0.1 s for a U-Net of 1.7 GB).
public func releaseIdleMemory() {
    WeightPages.release()
    ck_trim_memory()
}

/// The pages of all memory-mapped weights of this process.
enum WeightPages {
    private static let mapped = Mutex<[UInt: Int]>([:])

    static func add(_ base: UnsafeRawPointer, count: Int) {
        mapped.withLock { $0[UInt(bitPattern: base)] = count }
    }

    static func remove(_ base: UnsafeRawPointer) {
        mapped.withLock { $0[UInt(bitPattern: base)] = nil }
    }

    /// Lets all pages go. The values stay: they are the files'.
    fileprivate static func release() {
        mapped.withLock { mapped in
            for (base, count) in mapped {
                // Advice alone: where the kernel does not take it, the pages simply stay.
                _ = madvise(UnsafeMutableRawPointer(bitPattern: base), count, MADV_DONTNEED)
            }
        }
    }
}
