import DragEditing

/// How long an edit still takes, from its forecast and from what it has shown so far.
public struct TimeLeft: Sendable {
    private let forecast: [EditProgress.Stage: Double]
    private var stage: EditProgress.Stage?
    /// When the present stage began, and when the first one did that was computed; seconds.
    private var stageBegan = 0.0
    private var finished: [EditProgress.Stage: Double] = [:]

    /// - Parameter forecast: seconds of every stage that is to be computed.
    public init(_ forecast: [EditProgress.Stage: Double]) { self.forecast = forecast }

    /// Takes a step.
    ///
    /// - Parameter now: seconds of any clock that runs evenly.
    /// - Returns: seconds until the end, at most about: a drag may end early.
    public mutating func update(_ progress: EditProgress, now: Double) -> Double {
        if progress.stage != stage {
            if let stage { finished[stage] = now - stageBegan }
            (stage, stageBegan) = (progress.stage, now)
        }
        let stages = EditProgress.Stage.allCases
        let later = stages.drop { $0 != progress.stage }.dropFirst()
        let rest = later.reduce(0) { $0 + (forecast[$1] ?? 0) }
        guard !progress.isRestored else { return pace * rest }
        return present(progress, now) + pace * rest
    }

    /// Seconds of the present stage: by its own steps once there are some, else by the forecast.
    private func present(_ progress: EditProgress, _ now: Double) -> Double {
        let elapsed = now - stageBegan
        if progress.step > 0, progress.step <= progress.total {
            return elapsed * Double(progress.total - progress.step) / Double(progress.step)
        }
        return max(0, pace * (forecast[progress.stage] ?? 0) - elapsed)
    }

    /// How many times as long as forecast the finished stages took. Short stages say little, so the answer is bounded.
    private var pace: Double {
        let known = finished.filter { forecast[$0.key] ?? 0 > 0 && $0.key != .dragging }
        let planned = known.reduce(0) { $0 + (forecast[$1.key] ?? 0) }
        guard planned > 1 else { return 1 }
        return min(max(known.reduce(0) { $0 + $1.value } / planned, 0.5), 3)
    }
}

extension TimeLeft {
    /// Seconds for people: `40 s`, `3 min`, `2 h 5 min`.
    public static func text(_ seconds: Double) -> String {
        if seconds < 90 { return "\(Int(seconds.rounded(.up))) s" }
        let minutes = Int((seconds / 60).rounded(.up))
        return minutes < 90 ? "\(minutes) min" : "\(minutes / 60) h \(minutes % 60) min"
    }
}
