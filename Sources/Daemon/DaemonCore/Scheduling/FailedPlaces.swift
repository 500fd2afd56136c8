import DurableFiles

#if canImport(Glibc)
    import Glibc
#endif

/// What can be seen of a place without a write: its free space, and whether it may be written.
struct PlaceCondition: Equatable {
    /// Free bytes and files, 0 where they are not known.
    var freeBytes, freeFiles: UInt64
    /// Whether a file can be made in it.
    var isWritable: Bool
    /// The number of the path's last parts that are not there.
    var missing: Int

    /// The growth that counts as a change. Less comes and goes with logs.
    static let growth: UInt64 = 1 << 20

    /// The condition of a path, or of the nearest folder above it that is there.
    init(of path: String) {
        var (folder, missing) = (path, 0)
        var found = statvfs()
        while statvfs(PathCoding.cString(folder), &found) != 0, folder.count > 1 {
            folder = parent(folder)
            missing += 1
        }
        freeBytes = UInt64(found.f_bavail) &* UInt64(found.f_frsize)
        freeFiles = UInt64(found.f_favail)
        isWritable = access(PathCoding.cString(folder), W_OK) == 0
        self.missing = missing
    }

    /// A condition of these values.
    init(freeBytes: UInt64, freeFiles: UInt64, isWritable: Bool, missing: Int) {
        (self.freeBytes, self.freeFiles) = (freeBytes, freeFiles)
        (self.isWritable, self.missing) = (isWritable, missing)
    }

    /// Why a write that failed under an earlier condition may succeed now; nil where nothing shows that.
    func improvement(over earlier: Self) -> String? {
        if missing < earlier.missing { return "its folder is there" }
        if isWritable && !earlier.isWritable { return "it may be written" }
        let hasSpace =
            Self.hasGrown(freeBytes, earlier.freeBytes, by: Self.growth)
            || Self.hasGrown(freeFiles, earlier.freeFiles, by: 16)
        return hasSpace ? "there is more space" : nil
    }

    private static func hasGrown(_ now: UInt64, _ earlier: UInt64, by least: UInt64) -> Bool {
        now > earlier && now - earlier >= least
    }

    /// The best of both: only what is better than every condition under which a write failed is news.
    func best(with other: Self) -> Self {
        Self(
            freeBytes: max(freeBytes, other.freeBytes), freeFiles: max(freeFiles, other.freeFiles),
            isWritable: isWritable || other.isWritable, missing: min(missing, other.missing))
    }
}

/// The places at which runs have failed, and what was seen of each then: the daemon looks at them until one is better.
struct FailedPlaces {
    private var conditions: [String: PlaceCondition] = [:]
    private var nextLook = 0.0

    /// Notes a place at which a run has just failed.
    mutating func note(_ path: String, _ now: Double) {
        let condition = PlaceCondition(of: path)
        conditions[path] = conditions[path]?.best(with: condition) ?? condition
        // As long as the job waits at least: other jobs start before it.
        nextLook = now + 2 * Scheduler.placeSeconds
    }

    /// Forgets them all: a run has succeeded, or none waits.
    mutating func forgetAll() { conditions = [:] }

    /// A place that may work now, and why; nil where none has changed, or where it is too early for a look.
    mutating func improved(_ now: Double) -> (path: String, why: String)? {
        guard !conditions.isEmpty, now >= nextLook else { return nil }
        nextLook = now + Scheduler.placeSeconds
        for (path, earlier) in conditions.sorted(by: { $0.key < $1.key }) {
            let condition = PlaceCondition(of: path)
            guard let why = condition.improvement(over: earlier) else { continue }
            conditions[path] = condition.best(with: earlier)
            return (path, why)
        }
        return nil
    }
}
