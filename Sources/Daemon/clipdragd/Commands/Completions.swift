import ArgumentParser
import JobFiles
import Settings

/// What a shell offers for arguments and values of options. (`--generate-completion-script` writes the scripts from the commands'
/// own tables.)
enum Completions {
    static var spec: CompletionKind { .file(extensions: ["yaml", "yml", "json"]) }
    static var picture: CompletionKind { .file(extensions: PictureIndex.extensions) }
    static var configuration: CompletionKind { .file(extensions: ["yaml", "yml"]) }
    static var method: CompletionKind { .list(MethodRow.names) }
    /// `--set KEY=VALUE`: every setting's name.
    static var setting: CompletionKind { .list(Setting.all.map { "\($0.name)=" }) }
}
