// The binary schema (flatc's all.bfbs) as read-only data of the program, for objects/codec_types.cc.
    .section .rodata.kring_schema, "a"
    .balign 16
    .globl kring_schema_begin
    .type kring_schema_begin, %object
kring_schema_begin:
    .incbin KRING_SCHEMA_FILE
    .globl kring_schema_end
    .type kring_schema_end, %object
kring_schema_end:
    .byte 0
    .size kring_schema_begin, kring_schema_end - kring_schema_begin

    .section .note.GNU-stack, "", %progbits
