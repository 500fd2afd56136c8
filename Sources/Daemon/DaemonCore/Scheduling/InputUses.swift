/// Counts the unfinished jobs that need each file of an inbox.
struct InputUses {
    private var counts: [String: Int] = [:]
    private var users: Set<String> = []

    /// Adds a job's inputs.
    mutating func add(_ job: Job) {
        guard users.insert(job.id).inserted else { return }
        for name in job.inputs { counts["\(job.inbox)/\(name)", default: 0] += 1 }
    }

    /// Removes a job's inputs. A second call does nothing.
    mutating func remove(_ job: Job) {
        guard users.remove(job.id) != nil else { return }
        for name in job.inputs {
            let key = "\(job.inbox)/\(name)"
            counts[key] = (counts[key] ?? 0) > 1 ? (counts[key] ?? 0) - 1 : nil
        }
    }

    /// Whether any job needs a file, apart from `job`.
    func isNeeded(_ name: String, in inbox: String, besides job: Job? = nil) -> Bool {
        let own =
            job.map { $0.inbox == inbox && users.contains($0.id) ? $0.inputs.count { $0 == name } : 0 } ?? 0
        return (counts["\(inbox)/\(name)"] ?? 0) > own
    }
}
