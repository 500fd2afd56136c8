import Digests
import DurableFiles
import Failures
import Foundation
import JobFiles

/// Downloads a model. It continues each file where an earlier fetch ended, checks its digest and makes it durable. When the whole
/// model loads, one rename publishes it.
///
/// An unfinished download lies in `MODELS/.NAME.fetch/`: complete files under their names, the others as `NAME.part`. The next fetch
/// of the model continues there.
public struct ModelFetch {
    /// The progress of a download.
    public struct Progress: Sendable {
        /// The file's place in the model.
        public let file: String
        /// Bytes of it that have arrived, and all of its bytes.
        public let bytes, size: Int
    }

    private let models: String
    private let files: any FileSystem
    private let report: (Progress) -> Void
    /// Seconds between tries.
    private let pauses: [Double]

    /// - Parameters:
    ///   - models: the folder of models. The fetch makes it if it is missing.
    ///   - report: receives the progress after every piece.
    public init(
        into models: String, files: any FileSystem = PosixFileSystem(), pauses: [Double] = [1, 2, 4, 8, 16],
        report: @escaping (Progress) -> Void
    ) {
        self.models = models
        self.files = files
        self.pauses = pauses
        self.report = report
    }

    /// Fetches what a manifest lists.
    ///
    /// - Parameter source: a manifest's address or path, or a name: `NAME.fetch.json` in one of the folders of models.
    /// - Returns: the model's name and folder.
    public func run(_ source: String, folders: [String]) throws(Failure) -> (name: String, folder: String) {
        let manifest = try manifest(source, folders)
        let (place, staging) = ("\(models)/\(manifest.name)", "\(models)/.\(manifest.name).fetch")
        do {
            guard try files.status(place) == nil else {
                throw Failure(
                    .badOutput, code: "model.exists", message: "there is a model \(place) already",
                    hint: "Remove that folder to fetch it anew.")
            }
            try files.createDirectory(models)
            let lock = try ModelStore.lock(models)
            defer { withExtendedLifetime(lock) {} }
            try files.createDirectory(staging)
            for file in manifest.files { try fetch(file, staging) }
            try removeUnlisted(manifest, staging)
            _ = try ModelStore.verify(staging)
            try files.rename(staging, to: place)
            return (manifest.name, place)
        } catch let failure as Failure {
            throw failure
        } catch let error as FileError {
            throw Failure(error, .badOutput)
        } catch {
            throw Failure(unexpected: error)
        }
    }

    private func manifest(_ source: String, _ folders: [String]) throws(Failure) -> ModelManifest {
        if let url = URL(string: source), ["http", "https"].contains(url.scheme) {
            var body: [UInt8] = []
            do {
                _ = try HTTPDownload.get(url, from: 0) { bytes in
                    body += bytes
                    guard body.count <= 1 << 20 else {
                        throw HTTPDownload.Failure(
                            message: "a manifest has at most 1 MiB", isTransient: false)
                    }
                }
            } catch { throw Self.failure(error, url) }
            return try ModelManifest(body, place: source)
        }
        let places = source.contains("/") ? [source] : folders.map { "\($0)/\(source).fetch.json" } + [source]
        guard let path = places.first(where: { FileManager.default.fileExists(atPath: $0) }),
            let bytes = FileManager.default.contents(atPath: path)
        else {
            throw Failure(
                .missingInput, code: "file.missing", message: "there is no manifest `\(source)`",
                file: source,
                hint: "Give a manifest's address or path, or put \(source).fetch.json into \(models).")
        }
        return try ModelManifest(Array(bytes), place: path)
    }

    private static func failure(_ error: any Error, _ url: URL) -> Failure {
        if let failure = error as? Failure { return failure }
        if let error = error as? FileError { return Failure(error, .badOutput) }
        let failure = error as? HTTPDownload.Failure
        let isTransient = failure?.isTransient == true
        return Failure(
            isTransient ? .tryLater : .badModel, code: "model.fetch",
            message: "\(url.absoluteString): \(failure?.message ?? "\(error)")",
            hint: isTransient
                ? "What has arrived is kept; fetch again to go on."
                : "Check the manifest against the server.",
            isRetryable: isTransient)
    }

    /// Removes files that another version of the manifest listed.
    private func removeUnlisted(_ manifest: ModelManifest, _ staging: String) throws {
        let names = FileManager.default.enumerator(atPath: staging)?.compactMap { $0 as? String } ?? []
        for name in names where try files.status("\(staging)/\(name)")?.kind == .file {
            if !manifest.files.contains(where: { $0.path == name }) { try files.remove("\(staging)/\(name)") }
        }
    }

    // MARK: one file

    private func fetch(_ file: ModelManifest.File, _ staging: String) throws {
        let (path, part) = ("\(staging)/\(file.path)", "\(staging)/\(file.path).part")
        if try files.status(path) != nil {
            if try Digest.sha256(files: [path], files) == file.sha256 {
                return reportProgress(file, file.size)
            }
            try files.remove(path)  // of another version of the manifest
        }
        try files.createDirectory(parent(path))
        if let have = try files.status(part)?.size, have > file.size { try files.remove(part) }
        try receive(file, part)
        try files.syncFile(part)
        let digest = try Digest.sha256(files: [part], files)
        guard digest == file.sha256 else {
            try files.remove(part)
            throw Failure(
                .badModel, code: "model.digest",
                message:
                    "\(file.url.absoluteString) has the SHA-256 \(digest), not \(file.sha256) as the manifest says",
                hint:
                    "It was removed. Fetch again; if that gives the same, the manifest or the server is wrong."
            )
        }
        try files.rename(part, to: path)
    }

    /// Receives the missing part of a file, with several tries. A try that brings bytes resets the count of tries.
    private func receive(_ file: ModelManifest.File, _ part: String) throws {
        var tries = 0
        while true {
            let have = try files.status(part)?.size ?? 0
            reportProgress(file, have)
            guard have < file.size else {
                if file.size == 0 && have == 0 { try files.append(part, [], mode: 0o644) }
                return
            }
            do {
                let outcome = try receiveRest(file, part, have)
                if outcome == .noRanges {
                    try files.remove(part)
                    continue
                }
                guard try files.status(part)?.size ?? 0 > have else {
                    throw HTTPDownload.Failure(
                        message: outcome == .atEnd
                            ? "the server has \(have) bytes, the manifest says \(file.size)"
                            : "the server sent nothing",
                        isTransient: outcome != .atEnd)
                }
                tries = 0
            } catch let failure as HTTPDownload.Failure where failure.isTransient && tries < pauses.count {
                if try files.status(part)?.size ?? 0 > have { tries = 0 }
                Thread.sleep(forTimeInterval: pauses[tries])
                tries += 1
            } catch { throw Self.failure(error, file.url) }
        }
    }

    private func receiveRest(_ file: ModelManifest.File, _ part: String, _ have: Int) throws
        -> HTTPDownload.Outcome
    {
        var size = have
        do {
            return try HTTPDownload.get(file.url, from: have) { bytes in
                size += bytes.count
                guard size <= file.size else {
                    throw HTTPDownload.Failure(
                        message: "the server sends more than the \(file.size) bytes that the manifest says",
                        isTransient: false)
                }
                try files.append(part, Array(bytes), mode: 0o644)
                reportProgress(file, size)
            }
        } catch let failure as HTTPDownload.Failure where failure.isBodyForeign {
            try files.remove(part)
            throw failure
        }
    }

    private func reportProgress(_ file: ModelManifest.File, _ bytes: Int) {
        report(Progress(file: file.path, bytes: bytes, size: file.size))
    }
}
