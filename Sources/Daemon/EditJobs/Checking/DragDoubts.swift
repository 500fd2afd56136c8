import DragEditing
import Foundation
import Settings

/// Drags that will hardly do what they say: sentences for `check`, the preview and the trajectory's notes.
struct DragDoubts {
    /// A drag longer than this part of the grid's longer side seldom leaves the picture whole (docs/measurements/doubts.md).
    private static let longestPart = 0.5
    /// Sentences of one kind at most.
    private static let shown = 10

    private let drags: [Drag]

    init(_ drags: [Drag]) { self.drags = drags }

    /// All doubts.
    ///
    /// - Parameters:
    ///   - mask: at the picture's size; nil: everything may change.
    ///   - grid: the model's feature grid over the region; nil where the model is not known.
    ///   - steps: how many times the method may move a handle point; nil where it moves none.
    func notes(mask: EditMask?, grid: FeatureGrid?, settings: EditSettings, steps: Int?) -> [String] {
        let leaving = mask.map { self.leaving($0) } ?? []
        var notes = leaving.prefix(Self.shown) + pairs()
        if let grid, let steps { notes += lengths(grid, settings, steps).prefix(Self.shown) }
        return Array(notes)
    }

    // MARK: - The mask

    /// Drags that end outside the mask, or leave it on their way. (`PlanNotes.handles` names those that begin outside.)
    private func leaving(_ mask: EditMask) -> [String] {
        drags.indices.compactMap { i in
            let drag = drags[i]
            guard mask.frees(drag.handle) else { return nil }
            guard mask.frees(drag.target) else {
                return
                    "the target of drag \(i + 1) at \(text(drag.target)) lies outside the mask: content stays behind the mask's rim"
            }
            let samples = max(2, Int(drag.handle.distance(to: drag.target)))
            let leaves = (1..<samples).contains { k in
                let t = Double(k) / Double(samples)
                return !mask.frees(
                    ImagePoint(
                        x: drag.handle.x + t * (drag.target.x - drag.handle.x),
                        y: drag.handle.y + t * (drag.target.y - drag.handle.y)))
            }
            return leaves
                ? "drag \(i + 1) leaves the mask on its way from \(text(drag.handle)) to \(text(drag.target)): free the way between"
                : nil
        }
    }

    // MARK: - Two drags

    /// Pairs of drags that contradict each other, the first ones.
    private func pairs() -> [String] {
        var notes: [String] = []
        for j in drags.indices {
            for i in 0..<j {
                if let why = conflict(drags[i], drags[j]) {
                    notes.append("drags \(i + 1) and \(j + 1) \(why)")
                }
                if notes.count == Self.shown { return notes }
            }
        }
        return notes
    }

    private func conflict(_ a: Drag, _ b: Drag) -> String? {
        if a.handle == b.handle {
            return a.target == b.target
                ? "are the same" : "pull the same handle to two targets: it goes to neither"
        }
        if a.target == b.target { return "have the same target: two contents cannot lie at one place" }
        guard Self.cross(a, b) else { return nil }
        return "cross: each one's content passes through the other's"
    }

    /// Whether two drags' segments have a point in common that is no end of either.
    private static func cross(_ a: Drag, _ b: Drag) -> Bool {
        func side(_ p: ImagePoint, _ q: ImagePoint, _ r: ImagePoint) -> Double {
            (q.x - p.x) * (r.y - p.y) - (q.y - p.y) * (r.x - p.x)
        }
        return side(a.handle, a.target, b.handle) * side(a.handle, a.target, b.target) < 0
            && side(b.handle, b.target, a.handle) * side(b.handle, b.target, a.target) < 0
    }

    // MARK: - Lengths

    /// Drags too short for the grid to show, and too long for the method.
    private func lengths(_ grid: FeatureGrid, _ settings: EditSettings, _ steps: Int) -> [String] {
        drags.indices.compactMap { i in
            let handle = HandlePoint(drags[i], on: grid)
            let cells = handle.start.distance(to: handle.target)
            let pixels = shown(drags[i].handle.distance(to: drags[i].target))
            if cells < settings.reach {
                let least = shown(settings.reach * grid.pixelsPerCell)
                return
                    "drag \(i + 1) is \(pixels) pixels long, and the model sees none below \(least): it counts as arrived before it begins"
            }
            let left = (1 - settings.warp) * cells - settings.reach
            let furthest = Double(steps) * (settings.stepLength == .capped ? 4 : 1)
            if left > furthest {
                return
                    "drag \(i + 1) is \(pixels) pixels long, and \(steps == 1 ? "1 drag step goes" : "\(steps) drag steps go") \(shown(furthest * grid.pixelsPerCell)) at most: raise `max_steps` or shorten it"
            }
            let part = cells / Double(grid.size.longerSide)
            if part > Self.longestPart {
                return
                    "drag \(i + 1) goes through \(Int((100 * part).rounded())) % of what the model sees: content seldom arrives whole beyond \(Int(100 * Self.longestPart)) %"
            }
            return nil
        }
    }

    private func text(_ point: ImagePoint) -> String { "(\(plainNumber(point.x)), \(plainNumber(point.y)))" }

    /// A length to half a pixel.
    private func shown(_ pixels: Double) -> String { plainNumber((2 * pixels).rounded() / 2) }
}

extension EditMask {
    /// Whether the pixel that holds a point may change.
    fileprivate func frees(_ point: ImagePoint) -> Bool {
        let column = min(max(Int(point.x), 0), size.width - 1)
        return values[min(max(Int(point.y), 0), size.height - 1) * size.width + column]
    }
}
