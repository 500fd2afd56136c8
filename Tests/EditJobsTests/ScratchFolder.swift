import DurableFiles
import Foundation

/// A folder that goes with the test.
final class ScratchFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "clipdragd-\(UUID().uuidString)")
            .path(percentEncoded: false)
        try PosixFileSystem().createDirectory(path)
    }

    deinit { try? PosixFileSystem().removeTree(path) }
}
