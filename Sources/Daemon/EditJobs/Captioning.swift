import Diffusion
import DurableFiles
import Foundation
import Processes
import ServiceConfiguration
import TensorCore

/// A description of a picture, and where it comes from.
public struct Caption: Sendable, Equatable {
    /// Origins, as the trajectory names them.
    public enum Origin: String, Sendable, Codable { case spec, clip, template, command }
    /// The words.
    public let text: String
    /// Who said them.
    public let origin: Origin
}

/// The local stand-in for the remote captioner of the paper: nothing leaves the machine.
public struct CaptionChain {
    private let model: DiffusionModel
    private let captioners: [Configuration.Captioner]

    /// Captioners in order; the first that says anything wins.
    public init(_ model: DiffusionModel, _ captioners: [Configuration.Captioner]) {
        self.model = model
        self.captioners = captioners
    }

    /// Describes a picture `(1, h, w, 3)` in [0, 1] whose file is at `path`.
    public func caption(_ image: Tensor, path: String) -> Caption {
        for captioner in captioners {
            switch captioner {
            case .template: return Caption(text: "a picture", origin: .template)
            case .clip:
                if let phrase = ClipRanking(model)?.best(image) {
                    return Caption(text: phrase, origin: .clip)
                }
            case .command(let words):
                if let line = run(words.map { $0.replacingOccurrences(of: "{image}", with: path) }) {
                    return Caption(text: line, origin: .command)
                }
            }
        }
        return Caption(text: "a picture", origin: .template)
    }

    /// The first line that a program prints; nil when it fails or prints nothing.
    private func run(_ words: [String]) -> String? {
        guard let data = ProgramRun.output(of: words) else { return nil }
        let line = String(decoding: data, as: UTF8.self).split(separator: "\n").first.map(String.init) ?? ""
        let trimmed = line.trimmingCharacters(in: .whitespaces)
        return trimmed.isEmpty ? nil : String(trimmed.prefix(300))
    }
}

/// CLIP ranks the phrases of a vocabulary file by how well they fit a picture.
struct ClipRanking {
    private let guide: DiffusionModel.Guide
    private let phrases: [String]

    /// nil without a CLIP model or a vocabulary. A model's own vocabulary.txt wins over the shipped one.
    init?(_ model: DiffusionModel) {
        guard let guide = model.guide else { return nil }
        let beside = "\(parent(model.folder))/vocabulary.txt"
        let paths = ["\(model.folder)/vocabulary.txt", beside, "/usr/share/clipdragd/vocabulary.txt"]
        guard let text = paths.lazy.compactMap({ try? String(contentsOfFile: $0, encoding: .utf8) }).first
        else { return nil }
        phrases = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter {
            !$0.isEmpty && !$0.hasPrefix("#")
        }
        self.guide = guide
    }

    /// The best phrase.
    func best(_ image: Tensor) -> String? {
        let wanted = guide.clip.embedding(of: Variable(image)).value
        return phrases.map { ($0, cosineSimilarity(wanted, guide.embedding(of: $0)).value) }.max {
            $0.1 < $1.1
        }?.0
    }
}
