import Diffusion
import TensorCore
import Verdicts

/// The layout that `text_layout: auto` gives the edit under P_e (docs/algorithm.md section 4).
struct LayoutChoice {
    /// The edit under P_e with a layout and a weight of P_e.
    typealias Sample = (_ layout: EditRecord.Guidance.Layout, _ weight: Double) throws -> GuidedPicture

    /// Part of the picture whose content a free layout may replace, and where the picture then shows P_e. Above it starter
    /// edits are torn (calibration.md).
    private static let (mostReplaced, mostReplacedVisibly) = (0.045, 0.08)
    /// Part of P_e's weight that a kept layout takes where the whole weight harms things.
    private static let lesserPart = 2.0 / 3

    /// `text_sampling`.
    let weight: Double
    let sample: Sample

    /// What was chosen.
    struct Chosen {
        /// nil: the edit without P_e.
        var picture: GuidedPicture?
        var guidance: EditRecord.Guidance
    }

    func run() throws -> Chosen {
        let free = try sample(.free, weight)
        let replaced = free.replaced()
        if replaced <= Self.mostReplaced || replaced <= Self.mostReplacedVisibly && free.isVisible {
            return Chosen(
                picture: free,
                guidance: EditRecord.Guidance(layout: .free, replaced: replaced, cells: free.cells))
        }
        let redrawn = try sample(.redrawn, weight)
        if redrawn.isVisible {
            return Chosen(
                picture: redrawn, guidance: EditRecord.Guidance(layout: .redrawn, replaced: replaced))
        }
        guard let (kept, weight) = try kept() else {
            return Chosen(guidance: EditRecord.Guidance(replaced: replaced))
        }
        let less = weight == self.weight ? nil : weight
        return Chosen(
            picture: kept, guidance: EditRecord.Guidance(layout: .kept, replaced: replaced, weight: less))
    }

    /// The edit with its layout kept: with less weight where the full one harms things, nil where that tears them too or P_e does
    /// not show.
    private func kept() throws -> (GuidedPicture, weight: Double)? {
        var (picture, weight) = (try sample(.kept, weight), weight)
        if !picture.outlines().areKept {
            weight *= Self.lesserPart
            picture = try sample(.kept, weight)
            if picture.outlines().areTorn { return nil }
        }
        return picture.raisesScore ? (picture, weight) : nil
    }
}

/// An edit under P_e, and what P_e changed in it while sampling. What is not asked for costs nothing.
struct GuidedPicture {
    /// `(1, h, w, 4)`.
    let latent: Tensor
    /// Cells of the latent that P_e may have changed, row-major; nil: all.
    let cells: [Int]?
    /// Part of the picture whose content is in one of the two edits, with and without P_e, alone.
    let replaced: () -> Double
    /// Its outlines against those of the edit without P_e.
    let outlines: () -> Verdict.Outlines
    /// How it shows P_e; nil without a CLIP model.
    let text: () -> Verdict.Text?

    /// Whether the verdict says that it shows P_e.
    var isVisible: Bool { text()?.answer(isChanged: true) == .visible }
    /// Whether CLIP's score for P_e is above that of the edit without P_e; without a CLIP model nothing speaks against it.
    var raisesScore: Bool { text().map { $0.scoreResult > $0.scoreReconstruction } ?? true }
}

/// Compares edits under P_e with the edit without it, as the verdict compares pictures (docs/verdict.md).
struct GuidedComparison {
    private let plain: Tensor
    private let judging: TextJudging?

    /// - Parameter plain: the decoded edit without P_e, `(1, h, w, 3)` in [0, 1].
    init(_ scene: Scene, plain: Tensor) {
        self.plain = plain
        judging = scene.guide.flatMap { guide in
            scene.request.editPrompt.map { wish in
                TextJudging(
                    guide, wish: wish, own: scene.request.sourcePrompt, others: scene.request.otherTexts,
                    source: scene.working, reconstruction: plain)
            }
        }
    }

    /// An edit under P_e with what is asked of it.
    func picture(_ latent: Tensor, cells: [Int]?, decoded: Tensor) -> GuidedPicture {
        let comparison = comparison(decoded)
        return GuidedPicture(
            latent: latent, cells: cells,
            replaced: {
                let found = comparison.damage()
                return max(found.lost, found.new) * found.changed
            },
            outlines: { Verdict.Outlines(source: comparison.source, result: comparison.result) },
            text: { judging?.judged(decoded) })
    }

    private func comparison(_ edit: Tensor) -> Comparison {
        let size = Size(height: plain.shape[1], width: plain.shape[2])
        let everywhere = EditMask(size: size, values: Array(repeating: true, count: size.height * size.width))
        return Comparison(source: plain, result: edit, region: everywhere)
    }
}
