import Diffusion
import Foundation
import TensorCore

/// CLIP ranks a vocabulary's phrases by how well they fit a picture.
struct PhraseRanking {
    private let guide: DiffusionModel.Guide
    private let vocabulary: Vocabulary
    private let embeddings: TextEmbeddings

    /// By which published CLIP models multiply cosines before the softmax.
    private static let logitScale = 100.0
    /// How probable a thing with an attribute must be, among the bare thing and all attributes of it.
    private static let clearProbability = 0.5

    init(_ guide: DiffusionModel.Guide, _ vocabulary: Vocabulary, _ embeddings: TextEmbeddings) {
        self.guide = guide
        self.vocabulary = vocabulary
        self.embeddings = embeddings
    }

    /// The best phrase, with an attribute where one wins clearly.
    func caption(of image: Tensor) -> String {
        let picture = pictureEmbedding(image)
        let best = ranking(of: picture)[0]
        guard vocabulary.things.contains(best), !vocabulary.attributes.isEmpty else { return best }
        let phrases = [best] + vocabulary.attributes.map { "\($0) \(best)" }
        let scores = scores(of: picture, phrases)
        let highest = scores.max() ?? 0
        let sum = scores.reduce(0) { $0 + exp(Self.logitScale * ($1 - highest)) }
        let winner = scores.firstIndex(of: highest) ?? 0
        return 1 / sum >= Self.clearProbability ? phrases[winner] : best
    }

    /// All things and scenes, the best first.
    func ranking(_ image: Tensor) -> [String] { ranking(of: pictureEmbedding(image)) }

    private func ranking(of picture: [Float]) -> [String] {
        let phrases = vocabulary.things + vocabulary.scenes
        return zip(phrases, scores(of: picture, phrases)).sorted { $0.1 > $1.1 }.map(\.0)
    }

    /// The cosines of phrases with a picture.
    private func scores(of picture: [Float], _ phrases: [String]) -> [Double] {
        let table = embeddings.table(of: phrases, vocabulary)
        let width = table.shape[1]
        return table.withUnsafeValues { table in
            phrases.indices.map { row in
                (0..<width).reduce(0.0) { $0 + Double(table[row * width + $1] * picture[$1]) }
            }
        }
    }

    /// The mean of the views' embeddings, of length 1.
    private func pictureEmbedding(_ image: Tensor) -> [Float] {
        let views = CaptionViews.of(image).map { unit(guide.clip.embedding(of: Variable($0)).value.values) }
        return unit(views[0].indices.map { i in views.reduce(0) { $0 + $1[i] } })
    }
}

/// Scales a vector to length 1.
func unit(_ vector: [Float]) -> [Float] {
    let length = max(vector.reduce(0) { $0 + $1 * $1 }.squareRoot(), .leastNormalMagnitude)
    return vector.map { $0 / length }
}
