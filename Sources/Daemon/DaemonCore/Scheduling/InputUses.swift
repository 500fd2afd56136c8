/// How many jobs under way need a file of an inbox.
struct InputUses {
    private var counts: [String: Int] = [:]
    private var users: Set<String> = []

    /// A job needs its inputs.
    mutating func add(_ job: Job) {
        guard users.insert(job.id).inserted else { return }
        for name in job.inputs { counts["\(job.inbox)/\(name)", default: 0] += 1 }
    }

    /// A job needs them no more; saying so twice is fine.
    mutating func remove(_ job: Job) {
        guard users.remove(job.id) != nil else { return }
        for name in job.inputs {
            let key = "\(job.inbox)/\(name)"
            counts[key] = (counts[key] ?? 0) > 1 ? (counts[key] ?? 0) - 1 : nil
        }
    }

    /// Whether any job needs it, besides one of which it is known.
    func isNeeded(_ name: String, in inbox: String, besides job: Job? = nil) -> Bool {
        let own =
            job.map { $0.inbox == inbox && users.contains($0.id) ? $0.inputs.count { $0 == name } : 0 } ?? 0
        return (counts["\(inbox)/\(name)"] ?? 0) > own
    }
}
