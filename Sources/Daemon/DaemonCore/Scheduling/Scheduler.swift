/// The jobs that do not run: which waits, which starts next and when. It also knows which files of the inboxes the jobs need,
/// those that run included.
///
/// It has no clock of its own: times are arguments, in seconds since 1970.
final class Scheduler {
    /// Seconds until a place that does not work is tried again.
    static let placeSeconds = 5.0
    /// Seconds until the same reason for waiting is told again.
    private static let tellSeconds = 600.0

    /// When a job was claimed, and how long its files had settled by then.
    struct Claim: Sendable {
        let settled: Double
        let at: ContinuousClock.Instant
    }

    /// Jobs that wait.
    private(set) var queue = JobQueue()
    private var uses = InputUses()
    private var earliestStarts: [String: Double] = [:]
    private var claims: [String: Claim] = [:]
    /// The place that does not work, and when to try it again. Nothing starts until then.
    private(set) var obstacle: (reason: String, until: Double)?

    /// The reason for waiting that was told last, and when.
    private var told: (reason: String, at: Double)?

    // MARK: - Jobs

    /// Makes a job known that is new to this daemon: its inputs are needed.
    ///
    /// - Parameter claim: nil for the job of an earlier daemon.
    func register(_ job: Job, _ claim: Claim? = nil) {
        uses.add(job)
        claims[job.id] = claim
    }

    /// Lets a known job wait.
    ///
    /// - Parameter earliest: when it may start; nil: at once.
    func enqueue(_ job: Job, earliest: Double? = nil) {
        queue.add(job)
        if let earliest { earliestStarts[job.id] = earliest }
    }

    /// Takes a job out of the queue, to run or to end it. Its files stay needed.
    @discardableResult func remove(_ id: String) -> Job? { queue.remove(id) }

    /// Forgets a job that has ended, or whose inbox is away.
    func forget(_ job: Job) {
        queue.remove(job.id)
        uses.remove(job)
        earliestStarts[job.id] = nil
        claims[job.id] = nil
    }

    /// Forgets all jobs that wait.
    func forgetAll() { for job in queue.all { forget(job) } }

    /// Takes the job that is to start next; nil: none may.
    func takeNext(_ now: Double) -> Job? {
        let next = queue.first { $0.state == .waiting && (earliestStarts[$0.id] ?? 0) <= now }
        return next.flatMap { queue.remove($0.id) }
    }

    /// Takes the jobs whose results are complete, or whose run has ended well: their publishing did not succeed yet.
    func takeUnpublished() -> [Job] {
        guard queue.count(.publishing) + queue.count(.running) > 0 else { return [] }
        let jobs = queue.all.filter { $0.state == .publishing || $0.state == .running }
        for job in jobs { queue.remove(job.id) }
        return jobs
    }

    /// When a job was claimed; nil for the job of an earlier daemon.
    func claim(of job: Job) -> Claim? { claims[job.id] }

    /// Whether any job but this one needs a file of an inbox.
    func isNeeded(_ name: String, in inbox: String, besides job: Job? = nil) -> Bool {
        uses.isNeeded(name, in: inbox, besides: job)
    }

    /// A job needs its inputs no more, though it has not ended: it is published.
    func releaseInputs(of job: Job) { uses.remove(job) }

    // MARK: - Times

    /// Starts nothing for a while: a place does not work.
    ///
    /// - Returns: whether that is new.
    func pauseStarts(_ reason: String, _ now: Double) -> Bool {
        obstacle = (reason, now + Self.placeSeconds)
        if let told, told.reason == reason, now - told.at < Self.tellSeconds { return false }
        told = (reason, now)
        return true
    }

    /// A place worked.
    ///
    /// - Returns: what the daemon has waited for, if it told of that.
    func placeWorked() -> String? {
        defer { told = nil }
        return told?.reason
    }

    /// Tries a hindered place again once its time has come.
    func resumeStarts(_ now: Double) { if let obstacle, now >= obstacle.until { self.obstacle = nil } }

    /// Whether a place does not work, and is not to be tried yet.
    func areStartsPaused(_ now: Double) -> Bool { obstacle.map { now < $0.until } ?? false }

    /// When a job that waits for its time may start, or a place is to be tried again.
    func nextTime(_ now: Double) -> Double {
        min(earliestStarts.values.filter { $0 > now }.min() ?? .infinity, obstacle?.until ?? .infinity)
    }
}
