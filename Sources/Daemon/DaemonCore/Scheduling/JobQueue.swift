/// Waiting jobs, in the order of their start. Thousands of them cost little: except where stated, no call takes time in
/// proportion to their number.
struct JobQueue {
    private struct Rank: Comparable {
        let priority: Int
        let dropped: Double
        let id: String

        init(_ job: Job) { (priority, dropped, id) = (job.priority, job.dropped, job.id) }

        static func < (a: Rank, b: Rank) -> Bool {
            (-a.priority, a.dropped, a.id) < (-b.priority, b.dropped, b.id)
        }
    }

    private var jobs: [String: Job] = [:]
    private var order: [Rank] = []
    private var states: [Job.State: Int] = [:]

    var count: Int { jobs.count }
    var isEmpty: Bool { jobs.isEmpty }

    /// The number of jobs in a state.
    func count(_ state: Job.State) -> Int { states[state] ?? 0 }

    /// The job of an id.
    subscript(_ id: String) -> Job? { jobs[id] }

    /// All jobs, in order. Takes time in proportion to their number.
    var all: [Job] { order.compactMap { jobs[$0.id] } }

    /// When the oldest was dropped, seconds since 1970. Takes time in proportion to the number of jobs.
    var oldest: Double? { order.lazy.map(\.dropped).min() }

    /// The first job that satisfies a condition.
    func first(where condition: (Job) -> Bool) -> Job? {
        for rank in order { if let job = jobs[rank.id], condition(job) { return job } }
        return nil
    }

    /// Adds a job, or replaces the one with its ID.
    mutating func add(_ job: Job) {
        remove(job.id)
        jobs[job.id] = job
        states[job.state, default: 0] += 1
        let rank = Rank(job)
        order.insert(rank, at: position(of: rank))
    }

    /// Removes a job.
    @discardableResult mutating func remove(_ id: String) -> Job? {
        guard let job = jobs.removeValue(forKey: id) else { return nil }
        states[job.state, default: 0] -= 1
        order.remove(at: position(of: Rank(job)))
        return job
    }

    /// The index of a job, or the index at which it would be inserted.
    private func position(of rank: Rank) -> Int {
        var (low, high) = (0, order.count)
        while low < high {
            let middle = (low + high) / 2
            if order[middle] < rank { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
