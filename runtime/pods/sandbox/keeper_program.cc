// The keeper program as bytes of kring: kring_keeper_begin to kring_keeper_end. KRING_KEEPER_FILE is where the build
// put it.
asm(".section .rodata.kring_keeper, \"a\"\n"
    ".balign 4096\n"
    ".globl kring_keeper_begin\n"
    ".hidden kring_keeper_begin\n"
    "kring_keeper_begin:\n"
    ".incbin \"" KRING_KEEPER_FILE
    "\"\n"
    ".globl kring_keeper_end\n"
    ".hidden kring_keeper_end\n"
    "kring_keeper_end:\n"
    ".byte 0\n"
    ".previous\n");
