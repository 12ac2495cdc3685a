#include "runtime/cli/cli.h"

int main(int argc, char** argv) { return kring::cli::run(argc, argv); }
