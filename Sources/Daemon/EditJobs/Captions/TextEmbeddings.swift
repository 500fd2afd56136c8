import Diffusion
import Digests
import DurableFiles
import Failures
import TensorCore

/// Embeddings of a vocabulary's phrases by one CLIP model, remembered in the cache: a thousand texts cost a large CLIP a minute.
struct TextEmbeddings {
    private let model: DiffusionModel
    private let guide: DiffusionModel.Guide
    private let cache: JobCache?

    init(_ model: DiffusionModel, _ guide: DiffusionModel.Guide, _ cache: JobCache?) {
        self.model = model
        self.guide = guide
        self.cache = cache
    }

    /// One row for each phrase: the mean over the vocabulary's templates, of length 1. `(phrases, width)`.
    func table(of phrases: [String], _ vocabulary: Vocabulary) -> Tensor {
        guard let cache, let identity = try? ModelIdentity(folder: model.folder, cache: cache) else {
            return computed(phrases, vocabulary)
        }
        let decisive =
            [
                "caption-embeddings/1", identity.content, Kernels.instructionSet.description,
                Kernels.precision.rawValue,
            ] + vocabulary.templates + [""] + phrases
        let key = Digest.sha256(Array(decisive.joined(separator: "\n").utf8))
        let shape = [phrases.count, guide.clip.embeddingWidth]
        if let entry = cache.entry(key), let file = try? SafeTensors(path: entry.path),
            let table = file.tensor("embeddings"), table.shape == shape
        {
            return table
        }
        let table = computed(phrases, vocabulary)
        cache.keep(SafeTensors.encoded(["embeddings": table]), as: key)
        return table
    }

    private func computed(_ phrases: [String], _ vocabulary: Vocabulary) -> Tensor {
        let texts = phrases.flatMap(vocabulary.texts)
        let (count, width) = (vocabulary.templates.count, guide.clip.embeddingWidth)
        let values = guide.embeddings(of: texts).values
        let rows = phrases.indices.flatMap { phrase -> [Float] in
            let each = (0..<count).map { template in
                unit(
                    Array(
                        values[(phrase * count + template) * width..<(phrase * count + template + 1) * width])
                )
            }
            return unit((0..<width).map { c in each.reduce(0) { $0 + $1[c] } })
        }
        return Tensor([phrases.count, width], rows)
    }
}
