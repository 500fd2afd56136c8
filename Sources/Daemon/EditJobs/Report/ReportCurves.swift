import DragEditing
import Foundation
import JSON

/// The course of an edit, thinned so that a report stays small: about equally spaced steps, the last among them.
struct ReportCurves {
    /// Steps of a curve at most, and points of all paths together.
    static let (stepLimit, pointLimit) = (400, 8000)

    private let trajectory: Trajectory
    /// Indices of the iterations that are shown.
    private let indices: [Int]

    init(_ trajectory: Trajectory) {
        self.trajectory = trajectory
        let limit = min(Self.stepLimit, Self.pointLimit / max(1, trajectory.handles.count))
        indices = Self.spread(trajectory.iterations.count, limit)
    }

    /// At most `limit` of `count` indices, the first and the last among them.
    static func spread(_ count: Int, _ limit: Int) -> [Int] {
        guard count > limit else { return Array(0..<count) }
        return (0..<limit).map { $0 * (count - 1) / (limit - 1) }
    }

    /// The numbers of the steps that are shown.
    var steps: [Int] { indices.map { trajectory.iterations[$0].k } }

    /// The drags with their thinned paths, to a tenth of a pixel.
    var drags: [ReportRecord.Drag] {
        trajectory.handles.map { handle in
            // The path begins at the handle point, and with the stretch, before the first iteration.
            let first = max(0, handle.path.count - trajectory.iterations.count)
            return ReportRecord.Drag(
                from: handle.from.rounded, to: handle.to.rounded,
                lead: handle.path.prefix(first).dropFirst().map(\.rounded),
                path: indices.compactMap {
                    first + $0 < handle.path.count ? handle.path[first + $0].rounded : nil
                })
        }
    }

    /// Every number of the method that was computed at least once, and the distance that is left.
    var series: [ReportRecord.Series] {
        guard let first = trajectory.iterations.first else { return [] }
        let span = "\(trajectory.iterations.count) steps"
        // A record that was read has them in alphabetical order.
        let names = first.numbers.all.map(\.key).sorted {
            (Self.order.firstIndex(of: $0) ?? .max, $0) < (Self.order.firstIndex(of: $1) ?? .max, $1)
        }
        var all = names.map { name in
            ReportRecord.Series(
                title: Self.titles[name]?.title ?? name, meaning: Self.titles[name]?.meaning ?? "",
                values: indices.map { Self.short(trajectory.iterations[$0].numbers[name] ?? nil) }, span: span
            )
        }
        if !trajectory.handles.isEmpty {
            let mean = indices.map { i -> Double? in
                let distances = trajectory.iterations[i].distances
                return distances.isEmpty
                    ? nil : Self.short(distances.reduce(0, +) / Double(distances.count))
            }
            all.insert(
                ReportRecord.Series(
                    title: "Distance left",
                    meaning: "Pixels from handle points to their targets, the mean of all drags.",
                    values: mean, span: span), at: 0)
        }
        return all.filter { $0.values.contains { $0 != nil } }
    }

    /// Losses of fine-tuning, thinned.
    var fineTuning: [Double] {
        let losses = trajectory.fineTuningLosses
        return Self.spread(losses.count, Self.stepLimit).compactMap { Self.short(losses[$0]) }
    }

    /// A number of four digits, as a curve needs; nil for one that is not finite.
    private static func short(_ value: Double?) -> Double? {
        guard let value, value.isFinite else { return nil }
        return Double(String(format: "%.4g", value))
    }

    private static let order = ["motion_loss", "clip_loss", "cosine", "local_norm", "global_norm"]

    /// The numbers that people meet by name (docs/algorithm.md).
    private static let titles: [String: (title: String, meaning: String)] = [
        "motion_loss": (
            "Motion loss", "How far the handle's surroundings are from having moved one step on."
        ),
        "clip_loss": ("CLIP loss", "How far the picture is from the edit prompt, by CLIP."),
        "cosine": (
            "Cosine of the two gradients",
            "1: text and drag pull the same way. Below 0: they pull against each other."
        ),
        "local_norm": ("Drag gradient", "The length of the drag's gradient."),
        "global_norm": ("Text gradient", "The length of the text's gradient."),
    ]
}

extension RecordedPoint {
    /// The point to a tenth of a pixel.
    fileprivate var rounded: RecordedPoint {
        RecordedPoint(ImagePoint(x: (10 * x).rounded() / 10, y: (10 * y).rounded() / 10))
    }
}
