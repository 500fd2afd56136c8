import JSON

/// One job in a gallery: a line of a data file. Texts are as people may see them (`PathCoding.onOneLine`).
public struct GalleryEntry: Codable, Sendable, Equatable {
    /// How the job ended.
    public enum State: String, Codable, Sendable { case published, failed }

    /// The job's id.
    public var id: String
    public var state: State
    /// The folder's name in the outbox or in `failed`.
    public var name: String
    /// The verdict's answer and how people say it; nil of a failed job.
    public var answer, words: String?
    /// The edit prompt; of a failed job what is wrong.
    public var text: String
    /// The code of a failure.
    public var code: String?
    /// When the job ended, ISO 8601.
    public var finished: String
    /// Seconds that the edit took.
    public var seconds: Double?
    /// The model's name.
    public var model: String?
    /// The page or file that tells more, relative to the gallery, percent-encoded.
    public var link: String
    /// Small copies, relative to the gallery; nil where there is none.
    public var before, after: String?

    /// Texts are cut to this number of characters.
    static let textLimit = 600
}

/// The small copies of a job's pictures: JPEG files.
public struct GalleryPictures: Sendable {
    public var before, after: [UInt8]?

    public init(before: [UInt8]? = nil, after: [UInt8]? = nil) {
        self.before = before
        self.after = after
    }
}
