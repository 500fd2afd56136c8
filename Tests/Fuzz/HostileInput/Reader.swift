import Failures
import Foundation
import Imaging
import PrintableText
import ServiceConfiguration
import Settings
import SpecParser
import TensorCore
import YAMLDocuments

/// The parsers of untrusted input, each a function of bytes: the fuzzer and the test of the corpus call them. Bad bytes must
/// give one of the parser's own errors; a trap, a fault or an unbounded allocation is a finding.
public enum Reader: String, CaseIterable, Sendable {
    case spec
    case png
    case jpeg
    case safetensors

    /// The largest picture here, in pixels. With the product's larger limit a million runs would take days.
    public static let pixelsMax = 1 << 16

    /// Parses the bytes, and uses everything in the result.
    ///
    /// - Returns: whether they are valid.
    @discardableResult
    public func read(_ bytes: [UInt8]) -> Bool {
        switch self {
        case .spec: readSpec(bytes)
        case .png: readPicture(bytes, .png)
        case .jpeg: readPicture(bytes, .jpeg)
        case .safetensors: readTensors(bytes)
        }
    }
}

private func readSpec(_ bytes: [UInt8]) -> Bool {
    do throws(Failure) {
        _ = try parseConfiguration([ConfigurationFile(path: "config.yaml", bytes: bytes)])
    } catch { check(error) }
    do throws(Failure) {
        let parsed = try parseSpec(bytes, file: "x.yaml")
        checkWriting(parsed.spec)
        try parsed.validate(width: 640, height: 480)
        return true
    } catch {
        check(error)
        return false
    }
}

/// Checks that an error has a message and a hint.
private func check(_ error: Failure) {
    demand(!error.message.isEmpty && !error.hint.isEmpty)
    demand(error.place?.line ?? 0 >= 1 && error.place?.column ?? 0 >= 1)
    demand(error.description.hasSuffix(error.hint.printable))
}

/// Checks that the effective spec parses to the same job.
private func checkWriting(_ spec: EditSpec) {
    let text = SpecWriting.effectiveYAML(
        spec, image: spec.image?.value ?? "x.png", sourcePrompt: spec.sourcePrompt ?? "a",
        preset: spec.preset ?? "recommended", method: spec.method ?? "clipdrag",
        settings: spec.settings.map { ($0.name, $0.value) }, output: spec.output.filled())
    do throws(Failure) {
        let again = try parseSpec(Array(text.utf8), file: "spec.yaml").spec
        demand(again.drags.map(\.from.value) == spec.drags.map(\.from.value), text)
        demand(again.drags.map(\.to.value) == spec.drags.map(\.to.value), text)
        demand(again.mask.map(\.value) == spec.mask.map(\.value), text)
        demand(again.settings.map(\.value) == spec.settings.map(\.value), text)
        demand(
            bytes(again.editPrompt) == bytes(spec.editPrompt) && again.seed == spec.seed
                && bytes(again.image?.value) == bytes(spec.image?.value ?? "x.png"), text)
    } catch {
        fatalError("what was written does not read: \(error)\n\(text)")
    }
}

/// Fails with a trap, which the fuzzer detects in release builds too.
private func demand(_ condition: Bool, _ what: @autoclosure () -> String = "a promise of a reader is broken")
{
    guard condition else { fatalError(what()) }
}

/// Compares bytes: Swift treats strings as equal that differ as file names.
private func bytes(_ text: String?) -> [UInt8]? { text.map { Array($0.utf8) } }

private func readPicture(_ bytes: [UInt8], _ format: Image.Format) -> Bool {
    _ = FileSignature.completeness(of: bytes)
    guard FileSignature.format(of: bytes) == format else { return false }
    do throws(Failure) {
        let image = try Image(decoding: bytes, limits: .init(pixels: Reader.pixelsMax, shortestSide: 1))
        demand(image.samples.count == 3 * image.width * image.height)
        demand(image.width * image.height <= Reader.pixelsMax)
        demand(image.samples.allSatisfy { $0 <= image.maximum })
        return true
    } catch {
        demand(!error.message.isEmpty && !error.hint.isEmpty)
        return false
    }
}

private func readTensors(_ bytes: [UInt8]) -> Bool {
    let path = "\(scratch)/clipdragd-hostile-\(getpid()).safetensors"
    guard let file = fopen(path, "w") else { fatalError("cannot write \(path)") }
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
    defer { unlink(path) }
    do throws(SafeTensors.Failure) {
        let file = try SafeTensors(path: path)
        for (key, entry) in file.entries {
            guard let tensor = file.tensor(key), let stored = file.stored(key) else {
                fatalError("`\(key)` is listed and cannot be had")
            }
            demand(tensor.shape == entry.shape && stored.count == tensor.count)
            demand(stored.widened.count == tensor.count)
            demand(bytes.count >= tensor.count, "more values than bytes")
        }
        return true
    } catch {
        demand(error.message.hasPrefix(path))
        return false
    }
}

/// Memory rather than a disk, where there is such a folder.
private let scratch = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
