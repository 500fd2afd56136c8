import Synchronization
internal import CKernels

#if canImport(Glibc)
    import Glibc
#endif

/// Lets go of memory that is resident and may not be needed soon: pages of mapped weights, and freed tensors' memory.
///
/// A stage of an edit reads some networks and not others, but what was read once stays resident: between stages it is let
/// go. Not within one: memory that comes back has to be cleared, which takes seconds at 512×512.
public func releaseIdleMemory() {
    WeightPages.release()
    ck_trim_memory()
}

/// The same values; in passing, forwards and back, it lets the pages of all mapped weights go.
///
///     forward   y = x
///     VJP       dx = dy
///
/// A pass with gradients reads a block's weights once each way, when what it keeps takes room enough.
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

/// The pages of all memory-mapped weights of this process. What is read next comes back from the system's file cache at the
/// price of page faults: some 0.1 s for a U-Net of 1.7 GB.
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
