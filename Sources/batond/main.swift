internal import Glibc
internal import LinuxSystem

ChildProcess.keepEnded()
exit(Arguments.run(CommandLine.arguments))
