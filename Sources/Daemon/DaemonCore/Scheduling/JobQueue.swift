/// Jobs that wait, in the order in which they are to start. Thousands of them cost little: nothing here takes time in
/// proportion to all, but where it says so.
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

    /// How many are in a state.
    func count(_ state: Job.State) -> Int { states[state] ?? 0 }

    /// The job of an id.
    subscript(_ id: String) -> Job? { jobs[id] }

    /// All jobs, in order. Takes time in proportion to all.
    var all: [Job] { order.compactMap { jobs[$0.id] } }

    /// When the oldest was dropped, seconds since 1970. Takes time in proportion to all.
    var oldest: Double? { order.lazy.map(\.dropped).min() }

    /// The first for which something holds.
    func first(where condition: (Job) -> Bool) -> Job? {
        for rank in order { if let job = jobs[rank.id], condition(job) { return job } }
        return nil
    }

    /// Adds a job, or puts it in the place of the one of its id.
    mutating func add(_ job: Job) {
        remove(job.id)
        jobs[job.id] = job
        states[job.state, default: 0] += 1
        let rank = Rank(job)
        order.insert(rank, at: position(of: rank))
    }

    /// Takes a job out.
    @discardableResult mutating func remove(_ id: String) -> Job? {
        guard let job = jobs.removeValue(forKey: id) else { return nil }
        states[job.state, default: 0] -= 1
        order.remove(at: position(of: Rank(job)))
        return job
    }

    /// Where a job is, or would be.
    private func position(of rank: Rank) -> Int {
        var (low, high) = (0, order.count)
        while low < high {
            let middle = (low + high) / 2
            if order[middle] < rank { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
