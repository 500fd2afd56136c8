import Digests
import DurableFiles
import EditJobs
import Failures
import Foundation
import Imaging
import JSON
import JobFiles
import SystemPackage

/// The folder of a published or a failed job, as a gallery shows it.
public struct EndedJobFolder {
    /// The longer side of a small copy, pixels.
    static let longestSide = 320
    private static let quality = 82
    /// Bytes of a picture at most: of a larger one there is no small copy.
    private static let byteLimit = 512 << 20

    /// What the gallery says of it.
    public let entry: GalleryEntry
    private let path: String
    private let files: any FileSystem
    /// The edited picture; nil of a failed job.
    private let result: String?
    /// The picture that was edited, and its digest where that is known.
    private let source: (name: String, digest: String?)?

    /// A folder of the outbox; nil where its trajectory names no job. Of a trajectory of another version the gallery shows what
    /// it finds.
    ///
    /// - Parameter finished: when the job ended, ISO 8601, where its trajectory does not say so.
    public init?(
        published path: String, finished: String = "", gallery: String,
        _ files: any FileSystem = PosixFileSystem()
    ) {
        guard let bytes = try? files.read("\(path)/\(ResultRecord.fileName)"),
            let record = JSONValue(parsing: bytes), let id = record["job"]?["id"]?.string
        else { return nil }
        self.path = path
        self.files = files
        func file(_ key: String) -> String? {
            record["files"]?[key]?.string.flatMap { Self.isPlain($0) ? $0 : nil }
        }
        result =
            file("result")
            ?? ["result.png", "result.jpg"].first { (try? files.status("\(path)/\($0)")) ?? nil != nil }
        let spec = (try? files.read("\(path)/spec.yaml")).map { String(decoding: $0, as: UTF8.self) }
        let named = spec?.firstMatch(of: /(?m)^image: "?([^"\n]+)"?$/).map { String($0.1) }
        let digest = record["image"]?["sha256"]?.string
        source = named.map { (PathCoding.text(of: $0), digest ?? "") }
        let answer = ShownVerdict(of: record)
        entry = GalleryEntry(
            id: Self.shown(id), state: .published, name: Self.shown(lastComponent(path)),
            answer: answer?.answer, words: answer?.words,
            text: Self.shown(record["prompt"]?["edit"]?.string ?? ""),
            finished: Self.shown(record["job"]?["finished"]?.string ?? finished),
            seconds: record["job"]?["seconds"]?["total"]?.number,
            model: record["model"]?["name"]?.string.map(Self.shown),
            link: relativeURL(
                of: "\(path)/\(file("report") ?? result ?? ResultRecord.fileName)", from: gallery))
    }

    /// A folder of quarantined inputs; nil where it has no readable error report.
    ///
    /// - Parameter finished: when it failed, ISO 8601; nil: when the report was written.
    public init?(
        failed path: String, finished: String? = nil, gallery: String,
        _ files: any FileSystem = PosixFileSystem()
    ) {
        guard let bytes = try? files.read("\(path)/\(ErrorReport.fileName)"),
            let report = try? ErrorReport(reading: bytes),
            let written = try? files.status("\(path)/\(ErrorReport.fileName)")?.modified
        else { return nil }
        self.path = path
        self.files = files
        result = nil
        let names = ((try? files.list(path)) ?? []).filter { $0.kind == .file }.map(\.name)
        source = names.first { PictureIndex.extensions.contains(fileExtension($0)) }.map { ($0, nil) }
        entry = GalleryEntry(
            id: Self.shown(report.job ?? path), state: .failed, name: Self.shown(lastComponent(path)),
            text: Self.shown(Failure.sentences(report.message, report.hint)), code: Self.shown(report.code),
            finished: finished ?? Date(timeIntervalSince1970: written).formatted(.iso8601),
            link: relativeURL(of: "\(path)/\(ErrorReport.textFileName)", from: gallery))
    }

    /// Whether this process may not read the error report of a failed job's folder.
    public static func isClosed(_ folder: String, _ files: any FileSystem = PosixFileSystem()) -> Bool {
        do {
            _ = try files.read("\(folder)/\(ErrorReport.fileName)")
            return false
        } catch { return error.errno == .permissionDenied }
    }

    /// Small copies of the job's pictures; of one that cannot be read there is none.
    ///
    /// - Parameters:
    ///   - source: the picture that was edited, where the caller has it.
    ///   - archives: folders in which it may lie.
    public func pictures(source given: String? = nil, archives: [String] = []) -> GalleryPictures {
        GalleryPictures(
            before: sourcePath(given, archives).flatMap(small),
            after: result.flatMap { small("\(path)/\($0)") })
    }

    /// Where the picture that was edited lies now. In an archive its digest must be the one that was edited.
    public func sourcePath(_ given: String?, _ archives: [String]) -> String? {
        if let given { return given }
        guard let source else { return nil }
        guard let digest = source.digest else { return "\(path)/\(source.name)" }
        let ending = String(source.name.dropFirst(stem(source.name).count))
        for archive in archives {
            for n in 1...9 {
                let place = "\(archive)/\(numberedName(stem(source.name), n, ending))"
                guard let status = try? files.status(place), status.kind == .file else { break }
                guard status.size <= Self.byteLimit, let bytes = try? files.read(place) else { continue }
                if Digest.sha256(bytes) == digest { return place }
            }
        }
        return nil
    }

    private func small(_ path: String) -> [UInt8]? {
        var limits = Image.Limits()
        limits.shortestSide = 1
        guard let status = try? files.status(path), status.kind == .file, status.size <= Self.byteLimit,
            let bytes = try? files.read(path), let picture = try? Image(decoding: bytes, limits: limits)
        else { return nil }
        return try? picture.reduced(toLongerSide: Self.longestSide).onWhite.jpegBytes(quality: Self.quality)
    }

    /// A name that is one and leads nowhere else.
    private static func isPlain(_ name: String) -> Bool { !name.contains("/") && name != ".." && name != "" }

    /// A text from outside, as people may see it, of bounded length.
    private static func shown(_ text: String) -> String {
        let line = PathCoding.onOneLine(text)
        return line.count > GalleryEntry.textLimit ? line.prefix(GalleryEntry.textLimit) + "…" : line
    }
}

extension Image {
    /// The picture as it looks on white paper.
    fileprivate var onWhite: Image {
        guard let alpha else { return self }
        var copy = self
        let whole = Int(maximum)
        for i in samples.indices {
            let opacity = Int(alpha[i / 3])
            copy.samples[i] = UInt16((Int(samples[i]) * opacity + whole * (whole - opacity)) / whole)
        }
        copy.alpha = nil
        return copy
    }
}
