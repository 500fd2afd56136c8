import Synchronization
internal import CKernels

#if canImport(Glibc)
    import Glibc
#endif

/// Frees cached memory: pages of mapped weights, and the memory of freed tensors.
///
/// The engine calls this between the stages of an edit, because a stage does not read every network. It does not call it
/// within a stage: the system clears memory that it hands out again, which takes seconds at 512×512.
public func releaseIdleMemory() {
    WeightPages.release()
    ck_trim_memory()
}

/// The identity. Its forward pass and its VJP also free the pages of all mapped weights.
///
///     forward   y = x
///     VJP       dx = dy
///
/// A pass with gradients reads a block's weights once in each direction, and needs the memory for the values that it keeps.
public struct WeightRelease: Operation {
    /// A release; it has no settings.
    public init() {}

    /// Nothing.
    public struct Saved {}

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        WeightPages.release()
        return (inputs[0], Saved())
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        WeightPages.release()
        return [needs[0] ? dy : nil]
    }
}

/// The pages of all memory-mapped weights of this process. After a release, the next read takes them from the system's file
/// cache: the page faults cost about 0.1 s for a U-Net of 1.7 GB.
public enum WeightPages {
    private static let mapped = Mutex<[UInt: Int]>([:])

    static func add(_ base: UnsafeRawPointer, count: Int) {
        mapped.withLock { $0[UInt(bitPattern: base)] = count }
    }

    static func remove(_ base: UnsafeRawPointer) {
        mapped.withLock { $0[UInt(bitPattern: base)] = nil }
    }

    /// Frees all pages. The values stay in the files.
    public static func release() {
        mapped.withLock { mapped in
            for (base, count) in mapped {
                // This is advice: a kernel that ignores it keeps the pages.
                _ = madvise(UnsafeMutableRawPointer(bitPattern: base), count, MADV_DONTNEED)
            }
        }
    }
}
