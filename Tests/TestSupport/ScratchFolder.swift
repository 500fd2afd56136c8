import Foundation

/// A folder for one test, gone with its last user.
public final class ScratchFolder {
    /// Its path, without a slash at its end.
    public let path: String

    /// An empty folder.
    public init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "clipdragd-\(UUID().uuidString)").path(
            percentEncoded: false)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// A copy of a fixture in it.
    public convenience init(copying fixture: String) throws {
        try self.init()
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.copyItem(atPath: Fixtures.path(fixture), toPath: path)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
