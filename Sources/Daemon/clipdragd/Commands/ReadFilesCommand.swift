import ArgumentParser
import DurableFiles
import Failures
import Foundation
import Imaging
import JobFiles
import JSON
import SpecParser
import TensorCore

/// `clipdragd read-files`: reads files with the parsers of untrusted input, for scripts/corpora.py.
///
/// One JSON line a file: `{"file", "ok", "seconds"}`, with `code` and `message` when it is refused, and of a picture `width`,
/// `height`, `alpha` and `notes`. The line is written when the file is done: where the program ends early, the next file
/// has ended it.
struct ReadFilesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read-files", abstract: "Read files with the program's parsers, and report the result.",
        shouldDisplay: false)

    @Argument(help: "PNG, JPEG, YAML, JSON and safetensors files; their extensions say which.")
    var files: [String]

    @Option(help: "A folder that gets each picture's samples: RGB or RGBA of 8 bits as N.raw, N from 0.")
    var samples: String?

    func run() throws {
        for (i, file) in files.enumerated() {
            let began = ContinuousClock.now
            var fields = read(file, number: i)
            let duration = (ContinuousClock.now - began).components
            let seconds = Double(duration.seconds) + Double(duration.attoseconds) / 1e18
            fields.insert(("file", .string(file)), at: 0)
            fields.append(("seconds", .number((seconds * 1000).rounded() / 1000)))
            print(JSONValue.object(fields).line)
            fflush(nil)
        }
    }

    private typealias Fields = [(key: String, value: JSONValue)]

    private func read(_ file: String, number: Int) -> Fields {
        let bytes: [UInt8]
        do { bytes = try PosixFileSystem().read(file) } catch { return Self.refusal("file", "\(error)") }
        switch fileExtension(file) {
        case "yaml", "yml", "json":
            do {
                _ = try parseSpec(bytes, file: lastComponent(file))
                return [("ok", .bool(true))]
            } catch { return Self.refusal(error.code, error.message) }
        case "safetensors":
            do {
                let tensors = try SafeTensors(path: file)
                return [("ok", .bool(true)), ("tensors", .integer(tensors.entries.count))]
            } catch { return Self.refusal("model.file", "\(error)") }
        default: return picture(bytes, number)
        }
    }

    private func picture(_ bytes: [UInt8], _ number: Int) -> Fields {
        do {
            let image = try Image(decoding: bytes, limits: .init(shortestSide: 1))
            if let samples { write(image, to: "\(samples)/\(number).raw") }
            return [
                ("ok", .bool(true)), ("width", .integer(image.width)), ("height", .integer(image.height)),
                ("alpha", .bool(image.alpha != nil)), ("notes", .array(image.notes.map { .string($0) })),
            ]
        } catch { return Self.refusal(error.code, error.message) }
    }

    private func write(_ image: Image, to path: String) {
        let shift: UInt16 = image.depth == 16 ? 8 : 0
        var bytes = Data(capacity: 4 * image.width * image.height)
        for i in 0..<image.width * image.height {
            for c in 0..<3 { bytes.append(UInt8(image.samples[3 * i + c] >> shift)) }
            if let alpha = image.alpha { bytes.append(UInt8(alpha[i] >> shift)) }
        }
        _ = FileManager.default.createFile(atPath: path, contents: bytes)
    }

    private static func refusal(_ code: String, _ message: String) -> Fields {
        [("ok", .bool(false)), ("code", .string(code)), ("message", .string(message))]
    }
}
