import DurableFiles
import Failures
import Foundation
import ModelManagement

/// The phrases that CLIP ranks for a caption, and how it reads them (docs/models.md, captions).
///
/// A file has one phrase a line. `[templates]`, `[things]`, `[scenes]`, `[attributes]` and `[words]` begin sections,
/// `#` a comment.
/// Lines before the first section are things; without templates a phrase is read as it stands.
struct Vocabulary: Sendable, Equatable {
    /// Texts with `{}` for the phrase. A phrase's embedding is the mean over them.
    private(set) var templates: [String] = []
    /// What a picture can show.
    private(set) var things: [String] = []
    /// Where it can be. An attribute joins a thing, never a scene.
    private(set) var scenes: [String] = []
    /// Words before a thing.
    private(set) var attributes: [String] = []
    /// Every word that the model was trained on, in lower case; empty: not known.
    private(set) var words: Set<String> = []

    /// Reads a vocabulary.
    ///
    /// - Throws: `config.vocabulary` for text that is no vocabulary.
    init(_ text: String, file: String) throws(Failure) {
        func failure(_ what: String, _ hint: String) -> Failure {
            Failure(
                .badConfiguration, code: "config.vocabulary", message: "\(PathCoding.shown(file)): \(what)",
                hint: hint)
        }
        var section = "[things]"
        for line in text.split(whereSeparator: \.isNewline) {
            let line = line.trimmingCharacters(in: .whitespaces)
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("[") && line.hasSuffix("]") {
                section = line
                continue
            }
            switch section {
            case "[templates]":
                guard line.contains("{}") else {
                    throw failure(
                        "the template `\(line)` has no {}", "Write a template such as: a photo of a {}")
                }
                templates.append(line)
            case "[things]": things.append(line)
            case "[scenes]": scenes.append(line)
            case "[attributes]": attributes.append(line)
            case "[words]": words.formUnion(Self.words(of: line))
            default:
                throw failure(
                    "a vocabulary has no section `\(section)`",
                    "Sections are [templates], [things], [scenes], [attributes] and [words].")
            }
        }
        guard !things.isEmpty || !scenes.isEmpty else {
            throw failure("the vocabulary has no phrase", "Write one phrase a line.")
        }
        if templates.isEmpty { templates = ["{}"] }
    }

    /// The vocabulary of a model: the configured file, or its own, or that of one of the folders of models.
    ///
    /// - Returns: nil where none is found.
    /// - Throws: `config.vocabulary`.
    init?(configured: String?, model: String) throws(Failure) {
        let paths = configured.map { [$0] } ?? Self.paths(model: model)
        for path in paths {
            if let text = try? String(contentsOfFile: path, encoding: .utf8) {
                try self.init(text, file: path)
                return
            }
        }
        guard let configured else { return nil }
        throw Failure(
            .badConfiguration, code: "config.vocabulary",
            message: "\(PathCoding.shown(configured)) cannot be read as UTF-8 text",
            hint: "Give `captions.vocabulary` a text file that the daemon's user may read.")
    }

    /// A few phrases from the whole vocabulary: other texts that a verdict compares an edit prompt with.
    var sample: [String] {
        let phrases = things + scenes
        let count = min(30, phrases.count)
        return (0..<count).map { phrases[$0 * phrases.count / count] }
    }

    /// The words of a text in lower case: runs of letters.
    static func words(of text: String) -> [String] {
        text.lowercased().split { !$0.isLetter }.map(String.init)
    }

    /// Where a model's vocabulary may lie, the model's own first. The worker's sandbox must allow them.
    static func paths(model: String) -> [String] {
        let shared = ModelStore(stateFolder: nil).folders.map { "\($0)/vocabulary.txt" }
        return ["\(model)/vocabulary.txt", "\(parent(model))/vocabulary.txt"] + shared
    }

    /// The texts of a phrase, one for each template. "a" before a vowel becomes "an".
    func texts(of phrase: String) -> [String] {
        let startsWithVowel = phrase.first.map { "aeiouAEIOU".contains($0) } ?? false
        return templates.map { template in
            let fitting =
                startsWithVowel && (template.hasPrefix("a {}") || template.contains(" a {}"))
                ? template.replacing("a {}", with: "an {}") : template
            return fitting.replacing("{}", with: phrase)
        }
    }
}

/// The files that a caption by CLIP may read besides the model's own.
public func captionFiles(configured: String?, model: String) -> [String] {
    configured.map { [$0] } ?? Vocabulary.paths(model: model)
}
