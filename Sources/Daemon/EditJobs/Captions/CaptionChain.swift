import Diffusion
import DurableFiles
import Failures
import Foundation
import ModelManagement
import ServiceConfiguration
import TensorCore

/// A description of a picture, and where it comes from.
public struct Caption: Sendable, Equatable {
    /// Origins, with the trajectory's names.
    public enum Origin: String, Sendable, Codable { case spec, clip, template, command }
    /// The description.
    public let text: String
    /// The captioner that gave it, or the spec.
    public let origin: Origin
}

/// Local captioners, instead of the paper's remote one: nothing leaves the machine.
public struct CaptionChain {
    private let model: DiffusionModel
    private let captions: Configuration.Captions
    private let early: EarlyCaptions
    private let cache: JobCache?

    /// Captioners in order. The first one with a description decides.
    ///
    /// - Parameters:
    ///   - early: what programs with a network have said already.
    ///   - cache: remembers the embeddings of a vocabulary's texts.
    public init(
        _ model: DiffusionModel, _ captions: Configuration.Captions, early: EarlyCaptions = EarlyCaptions(),
        cache: JobCache? = nil
    ) {
        self.model = model
        self.captions = captions
        self.early = early
        self.cache = cache
    }

    /// Describes a picture `(1, h, w, 3)` in [0, 1] whose file is at `path`.
    ///
    /// - Parameter warn: takes a sentence about each captioner that could not describe the picture.
    public func caption(_ image: Tensor, path: String, warn: (String) -> Void) -> Caption {
        for (index, captioner) in captions.captioners.enumerated() {
            switch captioner {
            case .template: return Caption(text: "a picture", origin: .template)
            case .clip:
                guard let guide = model.guide else { continue }
                do throws(Failure) {
                    let vocabulary = try Vocabulary(configured: captions.vocabulary, model: model.folder)
                    guard let vocabulary else { continue }
                    let ranking = PhraseRanking(guide, vocabulary, TextEmbeddings(model, guide, cache))
                    return Caption(text: ranking.caption(of: image), origin: .clip)
                } catch { warn("the captioner clip: \(error.message)") }
            case .command(let words, _):
                let answer = early.answers[index] ?? CaptioningProgram.answer(words, image: path)
                if let text = answer.text { return Caption(text: text, origin: .command) }
                warn("the captioner \(PathCoding.shown(words[0])): \(answer.failure ?? "")")
            }
        }
        return Caption(text: "a picture", origin: .template)
    }
}

/// What captioning programs that need a network say about a picture. A worker runs them before it enters its sandbox, which
/// no socket leaves.
public struct EarlyCaptions: Codable, Sendable, Equatable {
    /// What one program says: a text, or why there is none.
    struct Answer: Codable, Sendable, Equatable {
        var text, failure: String?
    }

    /// By the captioner's place in the configuration.
    var answers: [Int: Answer] = [:]

    /// No program has run.
    public init() {}

    /// Runs the programs with a network that `captions` reaches: those before `clip` or `template`, up to the first that
    /// answers.
    ///
    /// - Parameter path: the picture's file.
    public init(_ captions: Configuration.Captions, image path: String) {
        for (index, captioner) in captions.captioners.enumerated() {
            guard case .command(let words, let hasNetwork) = captioner else { return }
            // Whether a program inside the sandbox answers is not known yet: those after it run all the same.
            guard hasNetwork else { continue }
            let answer = CaptioningProgram.answer(words, image: path)
            answers[index] = answer
            if answer.text != nil { return }
        }
    }
}

extension CaptioningProgram {
    /// What a program says about a picture; `{image}` in its words is the picture's path.
    static func answer(_ words: [String], image path: String) -> EarlyCaptions.Answer {
        do throws(CaptioningProgramError) {
            let words = words.map { $0.replacingOccurrences(of: "{image}", with: path) }
            return EarlyCaptions.Answer(text: try line(words))
        } catch { return EarlyCaptions.Answer(failure: error.reason) }
    }
}
