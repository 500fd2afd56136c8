import Foundation
import Processes

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
        case .notStarted(let number):
            throw CaptioningProgramError(reason: ProgramFile.reason(words[0], errno: number))
        }
        guard let text = String(validating: firstLine(end), as: UTF8.self) else {
            throw CaptioningProgramError(reason: "it printed no text in UTF-8")
        }
        let cleaned = cleaned(text)
        guard !cleaned.isEmpty else { throw failure("it printed no text", end.errors) }
        return String(cleaned.prefix(length))
    }

    /// The bytes of the first line with more than spaces, as a terminal shows it: what stands before a carriage return is
    /// overwritten. If the limit of the output has cut the line, it ends at its last whole character.
    private static func firstLine(_ end: ContainedProgram.End) -> ArraySlice<UInt8> {
        func isBlank(_ text: ArraySlice<UInt8>) -> Bool {
            text.allSatisfy { [0x20, 0x09, 0x0d].contains($0) }
        }
        let first = end.output.split(separator: 0x0a).first { !isBlank($0) } ?? []
        let shown = first.split(separator: 0x0d).last { !isBlank($0) } ?? []
        guard end.cause == .printedTooMuch, shown.endIndex == end.output.endIndex,
            let last = shown.lastIndex(where: { $0 & 0xc0 != 0x80 })
        else { return shown }
        return shown[..<last]
    }

    /// The line without escape sequences (ECMA-48 5.4 and 5.6) and control characters.
    static func cleaned(_ line: String) -> String {
        let sequences =
            /\u{1B}(?:\[[0-?]*[ -\/]*[@-~]|[\]PX^_][^\u{07}\u{1B}]*(?:\u{07}|\u{1B}\\)?|[ -\/]*[0-~])/
        let plain = line.replacing(sequences, with: "").unicodeScalars.map { scalar in
            // A byte order mark is no part of the text either.
            scalar.properties.generalCategory == .control || scalar == "\u{FEFF}" ? " " : String(scalar)
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
