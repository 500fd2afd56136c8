import DurableFiles
import Failures
import Foundation
import JSON

/// rows.jsonl: what an evaluation has done already, one line a row. An evaluation that is broken off goes on from there.
struct RowFile {
    private let path: String
    /// The rows so far.
    private(set) var rows: [EvaluationRow]

    /// Reads the rows of a file; a last line without its end is what a break has left, and is dropped.
    init(_ path: String) throws(Failure) {
        self.path = path
        let bytes = FileManager.default.contents(atPath: path).map { [UInt8]($0) } ?? []
        let whole = bytes.lastIndex(of: UInt8(ascii: "\n")).map { bytes[...$0] } ?? []
        rows = []
        for line in whole.split(separator: UInt8(ascii: "\n")) {
            do { rows.append(try EvaluationRow(reading: Array(line))) } catch {
                throw Failure(
                    .badOutput, code: "out.not_empty", message: "\(path) has a line that is no row",
                    file: path,
                    hint: "Give a new folder.")
            }
        }
        if whole.count < bytes.count { try write(Array(whole)) }
    }

    /// Adds a row to the file.
    mutating func add(_ row: EvaluationRow) throws(Failure) {
        rows.append(row)
        try write(Array(rows.map { $0.json.line + "\n" }.joined().utf8))
    }

    private func write(_ bytes: [UInt8]) throws(Failure) {
        do { try PosixFileSystem().replace(path, bytes, mode: 0o644) } catch {
            throw Failure(error, .badOutput)
        }
    }
}
