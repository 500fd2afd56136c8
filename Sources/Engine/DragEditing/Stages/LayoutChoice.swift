import Diffusion
import TensorCore
import Verdicts

/// What `text_layout: auto` takes (docs/algorithm.md section 4): the edit under P_e with its layout free where that replaces little,
/// drawn anew where that shows P_e and the model knows what P_e says, and the edit without P_e otherwise.
struct LayoutChoice {
    /// Part of the picture whose content a free layout may replace, and where the picture then shows P_e. Above it starter
    /// edits are torn (calibration.md).
    private static let (mostReplaced, mostReplacedVisibly) = (0.045, 0.08)
    /// Gain (`TextLikelihood`) below which the model draws something else than P_e says (calibration.md).
    private static let leastGain = 0.07

    /// Gives the edit under P_e with a layout.
    let sample: (EditRecord.Guidance.Layout) throws -> GuidedPicture

    /// What was chosen.
    struct Chosen {
        /// nil: the edit without P_e.
        var picture: GuidedPicture?
        var guidance: EditRecord.Guidance
    }

    func run() throws -> Chosen {
        let free = try sample(.free)
        let replaced = free.replaced()
        if replaced <= Self.mostReplaced || replaced <= Self.mostReplacedVisibly && free.isVisible() {
            return Chosen(
                picture: free,
                guidance: EditRecord.Guidance(layout: .free, replaced: replaced, cells: free.cells))
        }
        let redrawn = try sample(.redrawn)
        guard redrawn.isVisible() && redrawn.gain() >= Self.leastGain else {
            return Chosen(guidance: EditRecord.Guidance(replaced: replaced))
        }
        return Chosen(
            picture: redrawn, guidance: EditRecord.Guidance(layout: .redrawn, replaced: replaced))
    }
}

/// An edit under P_e, and what is asked of it. What is not asked costs nothing.
struct GuidedPicture {
    /// `(1, h, w, 4)`.
    let latent: Tensor
    /// Cells of the latent that P_e may have changed, row-major; nil: all.
    let cells: [Int]?
    /// Part of the picture whose content is in one of the two edits, with and without P_e, alone.
    let replaced: () -> Double
    /// Whether the verdict says that it shows P_e; without a CLIP model it says so of none.
    let isVisible: () -> Bool
    /// How much P_e explains it to the model (`TextLikelihood`).
    let gain: () -> Double
}

/// Measures edits under P_e: against the edit without it, as the verdict compares pictures (docs/verdict.md), and by the model.
struct GuidedMeasuring {
    private let plain: Tensor
    private let judging: TextJudging?
    private let likelihood: TextLikelihood
    private let texts: GuidingTexts
    private let seed: UInt64

    /// - Parameters:
    ///   - plain: the decoded edit without P_e, `(1, h, w, 3)` in [0, 1].
    ///   - untuned: the model without the picture's LoRA.
    init(_ scene: Scene, _ texts: GuidingTexts, untuned: DiffusionModel, plain: Tensor) {
        self.plain = plain
        self.texts = texts
        likelihood = TextLikelihood(model: untuned)
        seed = scene.request.seed
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
        GuidedPicture(
            latent: latent, cells: cells, replaced: { replaced(by: decoded) },
            isVisible: { judging?.judged(decoded).showsWish == true },
            gain: {
                var draws = SeededGenerator(seed: seed)
                let noises = (0..<TextLikelihood.copies).map { _ in draws.normal(latent.shape) }
                return likelihood.gain(of: texts.wish, over: texts.empty, in: latent, noises: noises)
            })
    }

    private func replaced(by edit: Tensor) -> Double {
        let size = Size(height: plain.shape[1], width: plain.shape[2])
        let everywhere = EditMask(size: size, values: Array(repeating: true, count: size.height * size.width))
        let found = Comparison(source: plain, result: edit, region: everywhere).damage()
        return max(found.lost, found.new) * found.changed
    }
}
