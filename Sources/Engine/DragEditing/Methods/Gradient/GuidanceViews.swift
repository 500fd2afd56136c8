import TensorCore

/// A part of a picture that CLIP sees: a crop, perhaps mirrored. Places are fractions, so that pictures of other sizes have
/// the same views.
struct GuidanceView: Sendable, Equatable {
    /// Part of each side, 0…1.
    let side: Double
    /// Where the crop lies in the room that it leaves, 0…1.
    let top, left: Double
    let isMirrored: Bool

    /// The whole picture.
    static let whole = GuidanceView(side: 1, top: 0, left: 0, isMirrored: false)

    /// The views of iteration `step`: the whole picture, and `count` − 1 crops of 0.7 to 1 of each side, each mirrored by an
    /// even chance. The seed and the step alone decide them (docs/algorithm.md, `clip_views`).
    static func drawn(_ count: Int, seed: UInt64, step: Int) -> [GuidanceView] {
        var generator = SeededGenerator(seed: seed &+ 0x9e37_79b9_7f4a_7c15 &* UInt64(step + 1))
        /// 53 random bits as a number in 0..<1.
        func number() -> Double { Double(generator.next() >> 11) * 0x1p-53 }
        return [whole]
            + (1..<max(count, 1)).map { _ in
                GuidanceView(
                    side: 0.7 + 0.3 * number(), top: number(), left: number(), isMirrored: number() < 0.5)
            }
    }

    /// The view of a picture `(1, h, w, 3)`.
    func of(_ picture: Variable) -> Variable {
        guard self != .whole else { return picture }
        let rows = range(picture.shape[1], top)
        let columns = range(picture.shape[2], left)
        let crop = apply(Slice(axis: 2, columns), apply(Slice(axis: 1, rows), picture))
        return isMirrored ? apply(Mirror(axis: 2), crop) : crop
    }

    private func range(_ size: Int, _ place: Double) -> Range<Int> {
        let length = max(1, Int(side * Double(size)))
        let start = min(Int(place * Double(size - length + 1)), size - length)
        return start..<start + length
    }
}
