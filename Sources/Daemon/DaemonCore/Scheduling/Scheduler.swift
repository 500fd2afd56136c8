/// The waiting jobs: which starts next, and when. It also knows which files of the inboxes the jobs need, including running jobs.
///
/// It has no clock of its own: times are arguments, in seconds since 1970.
final class Scheduler {
    /// Seconds until the daemon tries a place again that did not work.
    static let placeSeconds = 5.0
    /// The longest pause of all starts, in units of `placeSeconds`. A postponed job waits twice as long.
    private static let longestPause = 32
    /// Seconds until the daemon reports the same reason for waiting again.
    private static let reportInterval = 600.0

    /// When a job was claimed, and how long its files had been settled by then.
    struct Claim: Sendable {
        let settled: Double
        let at: ContinuousClock.Instant
    }

    /// The waiting jobs.
    private(set) var queue = JobQueue()
    private var uses = InputUses()
    private var earliestStarts: [String: Double] = [:]
    private var claims: [String: Claim] = [:]
    /// A place that does not work, and when to try it again.
    struct Obstacle {
        let reason: String
        let until: Double
        /// Whether a run found the place at fault, and not its start.
        let isOfRun: Bool
    }

    /// A place that every job needs. Nothing starts until it is tried again.
    private(set) var obstacle: Obstacle?
    /// Inboxes that do not work, by their paths. None of their jobs starts until the inbox is tried again; others do.
    private var inboxObstacles: [String: Obstacle] = [:]

    /// The last reported reason for waiting of each inbox, of nil for all, with its kind, and the time of the report.
    private var reported: [String?: Report] = [:]

    private struct Report {
        let reason, kind: String
        let at: Double
        /// Whether a run found the place at fault, and not its start.
        let isOfRun: Bool
    }

    /// How often in a row runs have failed for one reason, of the kind that `pauseStarts` takes.
    private struct Setback {
        let kind: String
        var count = 1

        mutating func add(_ kind: String) {
            self = Self(kind: kind, count: self.kind == kind ? count + 1 : 1)
        }

        /// The pause after them: it doubles with each.
        var pause: Double {
            Scheduler.placeSeconds * Double(min(1 << min(count - 1, 16), Scheduler.longestPause))
        }
    }

    /// The postponed jobs.
    private var setbacks: [String: Setback] = [:]
    /// The runs of any jobs that have failed since one succeeded.
    private var streak: Setback?

    // MARK: - Jobs

    /// Registers a job that is new to this daemon, and its inputs.
    ///
    /// - Parameter claim: nil for the job of an earlier daemon.
    func register(_ job: Job, _ claim: Claim? = nil) {
        uses.add(job)
        claims[job.id] = claim
    }

    /// Puts a registered job into the queue.
    ///
    /// - Parameter earliest: when it may start; nil: at once.
    func enqueue(_ job: Job, earliest: Double? = nil) {
        queue.add(job)
        if let earliest { earliestStarts[job.id] = earliest }
    }

    /// Puts a job back into the queue whose run has found a place at fault. It waits twice as long as the pause of all starts, so that
    /// another job starts next; each further time of the same kind doubles both.
    ///
    /// - Returns: whether the job has not been postponed for a reason of this kind before.
    func postpone(_ job: Job, kind: String, _ now: Double) -> Bool {
        let isNews = setbacks[job.id]?.kind != kind
        var setback = setbacks[job.id] ?? Setback(kind: kind, count: 0)
        setback.add(kind)
        setbacks[job.id] = setback
        var all = streak ?? Setback(kind: kind, count: 0)
        all.add(kind)
        streak = all
        enqueue(job, earliest: now + 2 * max(setback.pause, all.pause))
        return isNews
    }

    /// Whether a job has been postponed, and its next run is no news.
    func isPostponed(_ job: Job) -> Bool { setbacks[job.id] != nil }

    /// Lets the postponed jobs start at once: a place has changed, or the configuration has.
    func endPostponements() {
        guard !setbacks.isEmpty else { return }
        for id in setbacks.keys { earliestStarts[id] = nil }
        (setbacks, streak) = ([:], nil)
        if obstacle?.isOfRun == true { obstacle = nil }
    }

    /// Whether any job is postponed.
    var hasPostponed: Bool { !setbacks.isEmpty }

    /// Takes a job out of the queue, to run or to end it. The job still needs its files.
    @discardableResult func remove(_ id: String) -> Job? { queue.remove(id) }

    /// Forgets a job that has ended, or whose inbox is away.
    func forget(_ job: Job) {
        queue.remove(job.id)
        uses.remove(job)
        earliestStarts[job.id] = nil
        claims[job.id] = nil
        setbacks[job.id] = nil
    }

    /// Forgets all waiting jobs.
    func forgetAll() { for job in queue.all { forget(job) } }

    /// Takes the next job to start; nil where none may start.
    func takeNext(_ now: Double) -> Job? {
        let next = queue.first {
            $0.state == .waiting && (earliestStarts[$0.id] ?? 0) <= now && !isPaused($0.inbox, now)
        }
        return next.flatMap { queue.remove($0.id) }
    }

    /// Takes the jobs with complete results, and those whose run has succeeded: the daemon could not publish them yet.
    func takeUnpublished() -> [Job] {
        guard queue.count(.publishing) + queue.count(.running) > 0 else { return [] }
        let jobs = queue.all.filter { $0.state == .publishing || $0.state == .running }
        for job in jobs { queue.remove(job.id) }
        return jobs
    }

    /// When a job was claimed; nil for the job of an earlier daemon.
    func claim(of job: Job) -> Claim? { claims[job.id] }

    /// Whether any job except this one needs a file of an inbox.
    func isNeeded(_ name: String, in inbox: String, besides job: Job? = nil) -> Bool {
        uses.isNeeded(name, in: inbox, besides: job)
    }

    /// Releases the inputs of a job that is published but has not ended.
    func releaseInputs(of job: Job) { uses.remove(job) }

    // MARK: - Times

    /// Pauses the starts for a while, because a place does not work.
    ///
    /// - Parameters:
    ///   - inbox: the inbox that does not work: only its jobs pause; nil: all do.
    ///   - kind: reasons of one kind are reported once; the reason itself may name another file each time.
    ///   - isOfRun: whether a run found the place at fault: then only a run that succeeds shows that it works.
    /// - Returns: whether to report the reason.
    func pauseStarts(
        of inbox: String? = nil, _ reason: String, kind: String? = nil, isOfRun: Bool = false, _ now: Double
    ) -> Bool {
        let seconds = isOfRun ? streak?.pause ?? Self.placeSeconds : Self.placeSeconds
        let pause = Obstacle(reason: reason, until: now + seconds, isOfRun: isOfRun)
        if let inbox { inboxObstacles[inbox] = pause } else { obstacle = pause }
        let kind = kind ?? reason
        if let last = reported[inbox], last.kind == kind, now - last.at < Self.reportInterval {
            return false
        }
        reported[inbox] = Report(reason: reason, kind: kind, at: now, isOfRun: isOfRun)
        return true
    }

    /// Ends the wait for a place that works now.
    ///
    /// - Parameters:
    ///   - inbox: the inbox that works; nil: what every job needs.
    ///   - byStart: whether only the start of a run shows that.
    /// - Returns: the reported reason for the wait, if the daemon has reported one.
    func placeWorked(_ inbox: String? = nil, byStart: Bool = false) -> String? {
        if let inbox { inboxObstacles[inbox] = nil }
        if byStart && reported[inbox]?.isOfRun == true { return nil }
        if inbox == nil && !byStart { streak = nil }
        return reported.removeValue(forKey: inbox)?.reason
    }

    /// Ends the pauses whose time is over.
    func resumeStarts(_ now: Double) {
        if let obstacle, now >= obstacle.until { self.obstacle = nil }
        inboxObstacles = inboxObstacles.filter { now < $0.value.until }
    }

    /// Whether all starts are paused because a place does not work.
    func areStartsPaused(_ now: Double) -> Bool { obstacle.map { now < $0.until } ?? false }

    /// Whether an inbox does not work.
    func isPaused(_ inbox: String, _ now: Double) -> Bool {
        inboxObstacles[inbox].map { now < $0.until } ?? false
    }

    /// Why no job starts; nil where one could.
    func reasonForWaiting(_ now: Double) -> String? {
        if let obstacle { return obstacle.reason }
        let paused = inboxObstacles.filter { now < $0.value.until }.min { $0.key < $1.key }
        guard let paused else { return nil }
        let startable = queue.first { $0.state == .waiting && !isPaused($0.inbox, now) }
        return startable == nil ? paused.value.reason : nil
    }

    /// The next time at which a postponed job may start, or a pause of starts ends.
    func nextTime(_ now: Double) -> Double {
        let pauses = inboxObstacles.values.map(\.until) + (obstacle.map { [$0.until] } ?? [])
        let look = hasPostponed ? now + Self.placeSeconds : .infinity
        return min(
            look, earliestStarts.values.filter { $0 > now }.min() ?? .infinity, pauses.min() ?? .infinity)
    }
}
