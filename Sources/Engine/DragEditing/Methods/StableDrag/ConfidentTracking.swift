import Foundation
import Settings

/// Tracking by a filter that has learnt a handle against its surroundings, together with the feature's difference:
///
///     score(q) = share · ⟨w, f̂(q)⟩/⟨w, f̂⁰(h⁰)⟩ + (1 − share) · (1 − ‖F(q) − F⁰(h⁰)‖₁/(‖F(q)‖₁ + ‖F⁰(h⁰)‖₁))
///
/// f̂ is a feature over its norm. The score of the handle's own place in F⁰ is 1. The new handle is the cell of the best score in the square of
/// `radius` around the old one; its score is the confidence, below which τ motion supervision turns to the source's features.
/// Source: docs/methods/stabledrag.md; oracle `methods/stabledrag.py`.
struct ConfidentTracking: HandleTracking {
    private let radius: Int
    private let steps: Int
    private let share: Double
    private let threshold: Double
    private var filters: [HandleFilter] = []
    private var confidences: [Double] = []

    /// Tracking in squares of `2·radius+1` cells.
    init(_ settings: EditSettings, radius: Int) {
        self.radius = radius
        steps = settings.filterSteps
        share = settings.filterShare
        threshold = settings.confidence
    }

    mutating func begin(_ initial: FeatureMap, _ handles: [HandlePoint]) {
        filters = handles.map { HandleFilter(at: $0.start, in: initial, radius: radius, steps: steps) }
        confidences = handles.map { _ in 1 }
    }

    mutating func track(_ handles: inout [HandlePoint], in features: FeatureMap, from initial: FeatureMap) {
        for i in handles.indices {
            let (cell, score) = best(filters[i], around: handles[i].position, in: features)
            handles[i].position = cell
            confidences[i] = score
        }
    }

    private func best(
        _ filter: HandleFilter, around position: GridCell, in features: FeatureMap
    ) -> (cell: GridCell, score: Double) {
        var best = (cell: position, score: -Double.infinity)
        for cell in position.square(radius, in: features.size) {
            let score = filter.score(features.feature(at: cell), share: share)
            if score > best.score { best = (cell, score) }
        }
        return best
    }

    var templates: [EditSettings.MotionTemplate]? {
        confidences.map { $0 < threshold ? .start : .current }
    }

    var numberNames: [String] { ["confidence"] }

    var numbers: [String: Double] {
        confidences.min().map { ["confidence": $0] } ?? [:]
    }
}

/// A 1×1×C filter that answers 1 at a handle and 0 in its surroundings, fitted to normalised features by least squares.
struct HandleFilter: Sendable {
    /// w.
    let weights: [Double]
    /// F⁰(h⁰).
    private let wanted: [Float]
    /// ⟨w, f̂⁰(h⁰)⟩.
    private let peak: Double

    /// Cells of the surroundings, as a multiple of tracking's radius.
    private static let surroundings = 4
    /// Weight of ‖w‖².
    private static let regularisation = 0.01

    /// Fits the filter to the source's features. It begins as the handle's own feature, and takes `steps` steps of steepest descent of
    ///
    ///     J(w) = Σ_q v_q (⟨w, f̂(q)⟩ − y_q)² + μ‖w‖²      y_q = exp(−‖q − h⁰‖²/2σ²)
    ///
    /// each of the exact length. The cells with y above ½ and the others weigh the same together.
    init(at handle: GridCell, in initial: FeatureMap, radius: Int, steps: Int) {
        wanted = initial.feature(at: handle)
        let cells = Array(handle.square(Self.surroundings * radius, in: initial.size))
        let samples = cells.map { Self.normalised(initial.feature(at: $0)) }
        let spread = max(1, Double(radius) / 3)
        let labels = cells.map { exp(-Double($0.squaredDistance(to: handle)) / (2 * spread * spread)) }
        let near = labels.count { $0 > 0.5 }
        let shares = labels.map { $0 > 0.5 ? 0.5 / Double(near) : 0.5 / Double(max(labels.count - near, 1)) }
        var weights = Self.normalised(wanted)
        for _ in 0..<steps {
            var gradient = weights.map { Self.regularisation * $0 }
            for (sample, (label, share)) in zip(samples, zip(labels, shares)) {
                let residual = share * (Self.product(weights, sample) - label)
                for i in gradient.indices { gradient[i] += residual * sample[i] }
            }
            let square = Self.product(gradient, gradient)
            let curvature = zip(samples, shares).reduce(Self.regularisation * square) { sum, pair in
                let along = Self.product(gradient, pair.0)
                return sum + pair.1 * along * along
            }
            guard curvature > 0 else { break }
            for i in weights.indices { weights[i] -= square / curvature * gradient[i] }
        }
        self.weights = weights
        peak = Self.product(weights, Self.normalised(wanted))
    }

    /// The score of a feature; 1 for the handle's own. A filter without a peak has no part in it.
    func score(_ feature: [Float], share: Double) -> Double {
        var (difference, size) = (0.0, 0.0)
        for i in feature.indices {
            difference += abs(Double(feature[i]) - Double(wanted[i]))
            size += abs(Double(feature[i])) + abs(Double(wanted[i]))
        }
        let likeness = size > 0 ? 1 - difference / size : 1
        guard peak > 0 else { return likeness }
        let response = Self.product(weights, Self.normalised(feature)) / peak
        return share * response + (1 - share) * likeness
    }

    private static func normalised(_ feature: [Float]) -> [Double] {
        let values = feature.map(Double.init)
        let norm = product(values, values).squareRoot()
        return norm > 0 ? values.map { $0 / norm } : values
    }

    private static func product(_ a: [Double], _ b: [Double]) -> Double {
        var sum = 0.0
        for i in a.indices { sum += a[i] * b[i] }
        return sum
    }
}
