import TensorCore

extension Verdict.Outlines {
    /// Compares two pictures' outlines, whatever their colours.
    ///
    /// - Parameters:
    ///   - source: `(1, h, w, 3)`, about 128 pixels wide.
    ///   - result: of the same shape.
    init(source: Tensor, result: Tensor) {
        let (a, b) = (OutlineMap(source), OutlineMap(result))
        let near = a.strengths.spreading(by: 2)
        let strong = a.strengths.values.count { $0 > OutlineMap.strong }
        let come = zip(b.strengths.values, near.values).count {
            $0 > OutlineMap.strong && $1 < OutlineMap.strong / 2
        }
        self.init(
            likeness: a.strengths.blurred(1.5).correlation(with: b.strengths.blurred(1.5)),
            new: Double(come) / Double(max(strong, 1)), strength: b.sum / max(a.sum, 1e-6))
    }

    /// Whether the things in the picture still have their shapes, and no others came. The bounds come from the pictures of
    /// docs/measurements/calibration.md.
    var areKept: Bool { likeness >= 0.905 && strength <= 1.3 && (new <= 0.035 || strength <= 1.18) }
}

/// The strength of outlines: the gradient's length in the colour channel where it is longest.
private struct OutlineMap {
    /// An outline of a tenth of the range from black to white, or more.
    static let strong: Float = 0.06
    let strengths: ScalarMap

    var sum: Double { strengths.values.reduce(0) { $0 + Double($1) } }

    init(_ picture: Tensor) { strengths = ScalarMap.slopes(of: picture, blurredBy: 1) }
}
