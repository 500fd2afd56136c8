import Diffusion
import DurableFiles
import Foundation
import Processes
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
    private let captioners: [Configuration.Captioner]

    /// Captioners in order. The first one with a description decides.
    public init(_ model: DiffusionModel, _ captioners: [Configuration.Captioner]) {
        self.model = model
        self.captioners = captioners
    }

    /// Describes a picture `(1, h, w, 3)` in [0, 1] whose file is at `path`.
    ///
    /// - Parameter warn: takes a sentence about each program that did not describe the picture.
    public func caption(_ image: Tensor, path: String, warn: (String) -> Void) -> Caption {
        for captioner in captioners {
            switch captioner {
            case .template: return Caption(text: "a picture", origin: .template)
            case .clip:
                if let phrase = ClipRanking(model)?.best(image) {
                    return Caption(text: phrase, origin: .clip)
                }
            case .command(let words):
                let command = words.map { $0.replacingOccurrences(of: "{image}", with: path) }
                do throws(CaptioningProgramError) {
                    return Caption(text: try CaptioningProgram.line(command), origin: .command)
                } catch {
                    warn("the captioner \(PathCoding.shown(words[0])): \(error.reason)")
                }
            }
        }
        return Caption(text: "a picture", origin: .template)
    }
}

/// Why a captioning program gave no description.
struct CaptioningProgramError: Error, Equatable {
    /// The reason, for people.
    let reason: String
}

/// A program that prints a description of a picture.
enum CaptioningProgram {
    /// Seconds that it may take. A captioning model on a slow CPU takes a minute or two.
    private static let seconds = 300.0
    /// The largest number of characters of a description.
    private static let length = 300

    /// The first line that the program prints.
    static func line(_ words: [String]) throws(CaptioningProgramError) -> String {
        let end = ContainedProgram(words, seconds: seconds).run()
        switch end.cause {
        case .exited(0), .printedTooMuch: break
        case .exited(let status): throw failure("it ended with status \(status)", end.errors)
        case .signalled(let signal): throw failure("signal \(signal) ended it", end.errors)
        case .tookTooLong: throw failure("it took longer than \(Int(seconds)) seconds", end.errors)
        case .notStarted(let number): throw CaptioningProgramError(reason: String(cString: strerror(number)))
        }
        guard let text = String(validating: firstLine(end), as: UTF8.self) else {
            throw CaptioningProgramError(reason: "it printed no text in UTF-8")
        }
        let cleaned = cleaned(text)
        guard !cleaned.isEmpty else { throw failure("it printed no text", end.errors) }
        return String(cleaned.prefix(length))
    }

    /// The bytes of the first line with more than spaces. If the limit of the output has cut the line, it ends at its last whole
    /// character.
    private static func firstLine(_ end: ContainedProgram.End) -> ArraySlice<UInt8> {
        let breaks: Set<UInt8> = [0x0a, 0x0d]
        let lines = end.output.split(whereSeparator: breaks.contains)
        let first = lines.first { !$0.allSatisfy { $0 == 0x20 || $0 == 0x09 } } ?? []
        guard end.cause == .printedTooMuch, first.endIndex == end.output.endIndex,
            let last = first.lastIndex(where: { $0 & 0xc0 != 0x80 })
        else { return first }
        return first[..<last]
    }

    /// The line without escape sequences (ECMA-48 5.4 and 5.6) and control characters.
    static func cleaned(_ line: String) -> String {
        let sequences =
            /\u{1B}(?:\[[0-?]*[ -\/]*[@-~]|[\]PX^_][^\u{07}\u{1B}]*(?:\u{07}|\u{1B}\\)?|[ -\/]*[0-~])/
        let plain = line.replacing(sequences, with: "").unicodeScalars.map { scalar in
            scalar.properties.generalCategory == .control ? " " : String(scalar)
        }
        return plain.joined().split(separator: " ").joined(separator: " ")
    }

    private static func failure(_ reason: String, _ errors: [UInt8]) -> CaptioningProgramError {
        let said = cleaned(
            String(decoding: errors, as: UTF8.self).split(whereSeparator: \.isNewline).last.map(String.init)
                ?? "")
        return CaptioningProgramError(reason: said.isEmpty ? reason : "\(reason): \(said.prefix(length))")
    }
}

/// CLIP ranks the phrases of a vocabulary file by how well they fit a picture.
struct ClipRanking {
    private let guide: DiffusionModel.Guide
    private let phrases: [String]

    /// nil without a CLIP model or a vocabulary. A model's own vocabulary.txt replaces the shipped one.
    init?(_ model: DiffusionModel) {
        guard let guide = model.guide else { return nil }
        let beside = "\(parent(model.folder))/vocabulary.txt"
        let paths = ["\(model.folder)/vocabulary.txt", beside, "/usr/share/clipdragd/vocabulary.txt"]
        guard let text = paths.lazy.compactMap({ try? String(contentsOfFile: $0, encoding: .utf8) }).first
        else { return nil }
        phrases = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
            .filter {
                !$0.isEmpty && !$0.hasPrefix("#")
            }
        self.guide = guide
    }

    /// A few phrases from the whole vocabulary: other texts that a verdict compares an edit prompt with.
    var sample: [String] {
        let count = min(30, phrases.count)
        return (0..<count).map { phrases[$0 * phrases.count / count] }
    }

    /// The best phrase.
    func best(_ image: Tensor) -> String? {
        let wanted = guide.clip.embedding(of: Variable(image)).value
        return phrases.map { ($0, cosineSimilarity(wanted, guide.embedding(of: $0)).value) }.max {
            $0.1 < $1.1
        }?.0
    }
}
