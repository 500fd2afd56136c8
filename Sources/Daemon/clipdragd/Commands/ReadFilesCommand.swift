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
/// One JSON line a file: `{"schema", "file", "ok", "seconds"}`, with `code` and `message` when it is refused, and of a picture `width`,
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
            var line = read(file, number: i)
            let duration = (ContinuousClock.now - began).components
            let seconds = Double(duration.seconds) + Double(duration.attoseconds) / 1e18
            line.seconds = (seconds * 1000).rounded() / 1000
            print(line.oneLine)
            fflush(nil)
        }
    }

    private func read(_ file: String, number: Int) -> ReadFile {
        let bytes: [UInt8]
        do { bytes = try PosixFileSystem().read(file) } catch {
            return ReadFile(file, refused: "file", "\(error)")
        }
        switch fileExtension(file) {
        case "yaml", "yml", "json":
            do {
                _ = try parseSpec(bytes, file: lastComponent(file))
                return ReadFile(file: file, ok: true)
            } catch { return ReadFile(file, refused: error.code, error.message) }
        case "safetensors":
            do {
                let tensors = try SafeTensors(path: file)
                return ReadFile(file: file, ok: true, tensors: tensors.entries.count)
            } catch { return ReadFile(file, refused: "model.file", "\(error)") }
        default: return picture(file, bytes, number)
        }
    }

    private func picture(_ file: String, _ bytes: [UInt8], _ number: Int) -> ReadFile {
        do {
            let image = try Image(decoding: bytes, limits: .init(shortestSide: 1))
            if let samples { write(image, to: "\(samples)/\(number).raw") }
            return ReadFile(
                file: file, ok: true, width: image.width, height: image.height, alpha: image.alpha != nil,
                notes: image.notes)
        } catch { return ReadFile(file, refused: error.code, error.message) }
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
}

/// The line of `read-files` for a file.
private struct ReadFile: Record {
    static let schema = "clipdrag-read-file/1"
    let file: String
    let ok: Bool
    /// Why it is refused.
    var code, message: String?
    /// The number of a safetensors file's tensors.
    var tensors: Int?
    /// What a picture is.
    var width, height: Int?
    var alpha: Bool?
    var notes: [String]?
    /// Time that reading took.
    var seconds = 0.0

    enum CodingKeys: String, OmittingKey {
        case file, ok, code, message, tensors, width, height, alpha, notes, seconds

        var isOmittedWhenNil: Bool { true }
    }
}

extension ReadFile {
    init(_ file: String, refused code: String, _ message: String) {
        self.init(file: file, ok: false, code: code, message: message)
    }
}
