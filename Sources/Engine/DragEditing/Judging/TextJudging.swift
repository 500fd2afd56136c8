import Diffusion
import TensorCore
import Verdicts

/// Judges how well pictures of one edit show P_e, among other texts.
///
/// A picture that was optimised against CLIP scores high in the view that was optimised. So several views are averaged, and the
/// text must win against other texts.
struct TextJudging {
    private let guide: DiffusionModel.Guide
    private let embeddings: [Tensor]
    private let source, reconstruction: TextScores

    /// - Parameters:
    ///   - wish: P_e.
    ///   - own: P_o.
    ///   - others: texts that have nothing to do with the edit.
    ///   - source: `(1, h, w, 3)` in [0, 1], as the reconstruction.
    init(
        _ guide: DiffusionModel.Guide, wish: String, own: String, others: [String], source: Tensor,
        reconstruction: Tensor
    ) {
        let texts = [wish, own] + others.filter { $0 != wish && $0 != own }
        let embeddings = texts.map { guide.embedding(of: $0) }
        (self.guide, self.embeddings) = (guide, embeddings)
        self.source = TextScores(of: embeddings, in: source, guide)
        self.reconstruction = TextScores(of: embeddings, in: reconstruction, guide)
    }

    /// How well a result `(1, h, w, 3)` shows P_e, beside source and reconstruction.
    func judged(_ result: Tensor) -> Verdict.Text {
        let result = TextScores(of: embeddings, in: result, guide)
        return Verdict.Text(
            scoreSource: source.means[0], scoreReconstruction: reconstruction.means[0],
            scoreResult: result.means[0], standingSource: source.standing,
            standingReconstruction: reconstruction.standing, standingResult: result.standing,
            leadSource: source.lead, leadResult: result.lead, contrast: contrast(result),
            viewsRisen: result.partOfViews(above: source) { $0[0] },
            rankSource: source.rank, rankResult: result.rank, texts: embeddings.count)
    }

    private func contrast(_ result: TextScores) -> Verdict.Contrast? {
        let distance = (2 - 2 * Double(cosineSimilarity(embeddings[0], embeddings[1]).value)).squareRoot()
        guard distance > Self.leastDistance else { return nil }
        return Verdict.Contrast(
            source: (source.means[0] - source.means[1]) / distance,
            reconstruction: (reconstruction.means[0] - reconstruction.means[1]) / distance,
            result: (result.means[0] - result.means[1]) / distance,
            viewsRisen: result.partOfViews(above: source) { $0[0] - $0[1] })
    }

    /// Texts whose directions are nearer than this are the same to CLIP.
    private static let leastDistance = 0.05
}

/// Scores of texts in views of one picture: the edit prompt first, then P_o, then others.
private struct TextScores {
    private let views: [[Double]]
    /// Of each text, over the views.
    let means: [Double]
    private let middle, deviation: Double

    init(of texts: [Tensor], in picture: Tensor, _ guide: DiffusionModel.Guide) {
        let views = PictureViews.of(picture).map { view in
            let embedding = guide.clip.embedding(of: Variable(view)).value
            return texts.map { Double(cosineSimilarity(embedding, $0).value) }
        }
        self.views = views
        let means = views[0].indices.map { text in
            views.reduce(0) { $0 + $1[text] } / Double(views.count)
        }
        let others = means.dropFirst(2)
        let middle = others.isEmpty ? means[1] : others.reduce(0, +) / Double(others.count)
        let variance = others.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } / Double(max(others.count, 1))
        (self.means, self.middle) = (means, middle)
        // Without other texts: a fifth, as CLIP's scores of unlike texts spread at most.
        deviation = others.count > 1 ? max(variance.squareRoot(), 1e-3) : 0.2
    }

    /// The edit prompt's score above the others' mean, in their standard deviations.
    var standing: Double { (means[0] - middle) / deviation }
    /// The edit prompt's score above P_o's, in the same unit.
    var lead: Double { (means[0] - means[1]) / deviation }
    /// The edit prompt's place among all texts, from 1.
    var rank: Int { 1 + means.count { $0 > means[0] } }

    /// The part of the views in which a value of the texts' scores is higher than in another picture's.
    func partOfViews(above other: TextScores, _ value: ([Double]) -> Double) -> Double {
        Double(zip(views, other.views).count { value($0) > value($1) }) / Double(views.count)
    }
}

extension Verdict.Text {
    /// The least rise of standing or lead that counts.
    private static let least = 0.3
    /// The least rise of the contrast that counts.
    private static let leastTurn = 0.1
    /// The least part of the views that has to rise.
    private static let leastViews = 0.75

    /// The answer.
    ///
    /// - Parameters:
    ///   - isChanged: whether the picture differs from the source to the eye.
    ///   - isClearlyChanged: whether it differs by more than a shade. A score that gradients drive up needs no more than that.
    func answer(isChanged: Bool, isClearlyChanged: Bool) -> EditVerdict.TextAnswer {
        guard isChanged else { return .none }
        if isClearlyChanged && showsWish { return .visible }
        let rise = standingResult - max(standingSource, standingReconstruction)
        // CLIP cannot tell a text from P_o that the source shows as well as P_o.
        let isSame = abs(leadSource) < 0.2
        return isHigh(rankResult) && (isSame || max(rise, leadResult - leadSource) > Self.least)
            ? .unclear : .none
    }

    /// Whether the result shows P_e, as far as CLIP can tell.
    var showsWish: Bool { showsAnotherThing || showsNuance }

    /// Whether the result shows a thing that the source does not: P_e wins against all texts, and against P_o more than before.
    var showsAnotherThing: Bool {
        let rise = standingResult - max(standingSource, standingReconstruction)
        return rankResult == 1 && leadResult > Self.least
            && min(rise, leadResult - leadSource) > Self.least && viewsRisen >= Self.leastViews
    }

    /// Whether the result turned to P_e where the source is near it already, as one face is to another: other texts then tell
    /// nothing, and P_o alone decides.
    private var showsNuance: Bool {
        guard let contrast, isHigh(rankSource), rankResult == 1 else { return false }
        let rise = contrast.result - max(contrast.source, contrast.reconstruction)
        return contrast.result > 0 && rise > Self.leastTurn && contrast.viewsRisen >= Self.leastViews
    }

    /// Among the first tenth of the texts.
    private func isHigh(_ rank: Int) -> Bool { 10 * rank <= texts }
}
