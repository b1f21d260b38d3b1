export default { dialect: 'postgresql', schema: './core/store/tables.ts', out: './core/store/migrations' }
