/*
 * The switch on AArch64: x19 to x30, the lower halves of v8 to v15, the floating-point mode and the
 * stack pointer are what a call preserves.
 */
#include "deferred/switch.h"

#ifdef TORC__SWITCH_AARCH64

#include <stdint.h>
#include <string.h>

/* What torc__switch_stacks leaves on a stack, from the stack pointer upwards. */
typedef struct frame {
    uint64_t x19, x20, x21, x22, x23, x24, x25, x26, x27, x28;
    uint64_t x29;
    void (*resume)(void);
    uint64_t vectors[8];
    uint64_t mode;
    uint64_t padding;
} frame;

void torc__stack_begins(void);

/* "hint 34" is "bti c", in words that older assemblers know. */
__asm__(
    ".text\n"
    ".p2align 4\n"
    ".globl torc__switch_stacks\n"
    ".type torc__switch_stacks, %function\n"
    "torc__switch_stacks:\n"
    ".cfi_startproc\n"
    "    hint 34\n"
    "    sub sp, sp, #176\n"
    "    stp x19, x20, [sp, #0]\n"
    "    stp x21, x22, [sp, #16]\n"
    "    stp x23, x24, [sp, #32]\n"
    "    stp x25, x26, [sp, #48]\n"
    "    stp x27, x28, [sp, #64]\n"
    "    stp x29, x30, [sp, #80]\n"
    "    stp d8, d9, [sp, #96]\n"
    "    stp d10, d11, [sp, #112]\n"
    "    stp d12, d13, [sp, #128]\n"
    "    stp d14, d15, [sp, #144]\n"
    "    mrs x9, fpcr\n"
    "    str x9, [sp, #160]\n"
    "    mov x10, sp\n"
    "    str x10, [x0]\n"
    "    mov sp, x1\n"
    "    ldr x11, [sp, #160]\n"
    "    cmp x9, x11\n"
    "    b.eq 1f\n"
    "    msr fpcr, x11\n"
    "1:  ldp x19, x20, [sp, #0]\n"
    "    ldp x21, x22, [sp, #16]\n"
    "    ldp x23, x24, [sp, #32]\n"
    "    ldp x25, x26, [sp, #48]\n"
    "    ldp x27, x28, [sp, #64]\n"
    "    ldp x29, x30, [sp, #80]\n"
    "    ldp d8, d9, [sp, #96]\n"
    "    ldp d10, d11, [sp, #112]\n"
    "    ldp d12, d13, [sp, #128]\n"
    "    ldp d14, d15, [sp, #144]\n"
    "    add sp, sp, #176\n"
    "    ret\n"
    ".cfi_endproc\n"
    ".size torc__switch_stacks, . - torc__switch_stacks\n"

    ".p2align 4\n"
    ".globl torc__stack_begins\n"
    ".hidden torc__stack_begins\n"
    ".type torc__stack_begins, %function\n"
    "torc__stack_begins:\n"
    ".cfi_startproc\n"
    ".cfi_undefined x30\n"
    "    hint 34\n"
    "    mov x0, x19\n"
    "    mov x29, xzr\n"
    "    mov x30, xzr\n"
    "    blr x20\n"
    "    brk #1\n"
    ".cfi_endproc\n"
    ".size torc__stack_begins, . - torc__stack_begins\n");

void torc__stand_init(torc__stand *stand, void *stack, size_t size,
    void (*entry)(void *argument), void *argument)
{
    uintptr_t top = ((uintptr_t)stack + size) & ~(uintptr_t)15;
    frame *made = (frame *)(top - sizeof *made);

    memset(made, 0, sizeof *made);
    __asm__ volatile("mrs %0, fpcr" : "=r"(made->mode));
    made->x19 = (uint64_t)(uintptr_t)argument;
    made->x20 = (uint64_t)(uintptr_t)entry;
    made->resume = torc__stack_begins;
    stand->stack_pointer = made;
}

#endif
