import Foundation

/// The rows of one method and number of steps, as means over cases with their spread over seeds.
struct EvaluationSummary {
    /// A mean over all cases, and the standard deviation of the seeds' means; nil with one seed.
    struct Figure: Equatable {
        let mean: Double
        let spread: Double?
    }

    let method: String
    let steps: Int?
    /// Edits with a result, and those without.
    let edits, failures: Int
    private let rows: [EvaluationRow]

    /// The summaries of rows, in the order in which methods and steps first appear.
    static func all(_ rows: [EvaluationRow]) -> [EvaluationSummary] {
        var keys: [(method: String, steps: Int?)] = []
        for row in rows where !keys.contains(where: { $0 == (row.method, row.steps) }) {
            keys.append((row.method, row.steps))
        }
        return keys.map { key in
            EvaluationSummary(key.method, key.steps, rows.filter { ($0.method, $0.steps) == key })
        }
    }

    private init(_ method: String, _ steps: Int?, _ rows: [EvaluationRow]) {
        self.method = method
        self.steps = steps
        self.rows = rows.filter { $0.failure == nil }
        edits = self.rows.count
        failures = rows.count - edits
    }

    /// A figure of the rows; nil where no row has it.
    func figure(_ value: (EvaluationRow) -> Double?) -> Figure? {
        let seeds = Dictionary(grouping: rows, by: \.seed).mapValues { $0.compactMap(value) }
        let all = seeds.values.flatMap { $0 }
        guard !all.isEmpty else { return nil }
        let means = seeds.values.filter { !$0.isEmpty }.map { $0.reduce(0, +) / Double($0.count) }
        let mean = all.reduce(0, +) / Double(all.count)
        guard means.count > 1 else { return Figure(mean: mean, spread: nil) }
        let middle = means.reduce(0, +) / Double(means.count)
        let variance = means.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } / Double(means.count - 1)
        return Figure(mean: mean, spread: variance.squareRoot())
    }

    /// The part of edits whose verdict is `moved`, and the part that is severely damaged.
    var moved: Double? { part { $0.verdict == "moved" } }
    var damaged: Double? { part { $0.damage == "severe" } }

    private func part(_ isCounted: (EvaluationRow) -> Bool) -> Double? {
        edits > 0 ? Double(rows.count(where: isCounted)) / Double(edits) : nil
    }
}

/// What stages take when the cache gives none: a restored one counts as others of equal fine-tuning took.
struct StageTimes {
    private let means: [String: Double]

    init(_ rows: [EvaluationRow]) {
        var times: [String: [Double]] = [:]
        for row in rows {
            for (stage, seconds) in row.seconds where !row.restored.contains(stage) {
                times[Self.key(stage, row), default: []].append(seconds)
            }
        }
        means = times.mapValues { $0.reduce(0, +) / Double($0.count) }
    }

    private static func key(_ stage: String, _ row: EvaluationRow) -> String {
        "\(stage) \(stage == "fine-tune" ? String(row.fineTuningSteps ?? 0) : "")"
    }

    /// Seconds of a whole edit.
    func seconds(of row: EvaluationRow) -> Double {
        row.seconds.filter { !row.restored.contains($0.key) }.values.reduce(0, +)
            + row.restored.reduce(0) { $0 + (means[Self.key($1, row)] ?? 0) }
    }
}
