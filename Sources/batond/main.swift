internal import Glibc

exit(Arguments.run(CommandLine.arguments))
